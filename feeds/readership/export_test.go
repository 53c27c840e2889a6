package readership

// ParseUserAgent lets a test read a User-Agent alone.
func ParseUserAgent(userAgent string) (service, id string, readers int, ok bool) {
	a, ok := parseUserAgent(userAgent)
	return a.service, a.id, a.readers, ok
}

// Bounds that tests go beyond.
const (
	MaxAnnounced     = maxAnnounced
	MaxAnnouncements = maxAnnouncements
	MaxDocuments     = maxDocuments
	MaxCombined      = maxCombined
	MaxServiceName   = maxServiceName
	MaxFeedID        = maxFeedID
	SampleSize       = sampleSize
	MaxSources       = maxSources
	MaxPart          = maxPart
)

// MaxOthers is of a /64, a /56 and a /48.
var MaxOthers = maxOthers
