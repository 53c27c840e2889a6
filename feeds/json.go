package feeds

import (
	"bytes"
	"encoding/json"

	gorilla "github.com/gorilla/feeds"
)

// jsonFile is a JSON Feed 1.1 document.
type jsonFile struct {
	*gorilla.JSONFeed
	Author *struct{}  `json:"author,omitempty"` // deprecated by 1.1: authors
	Items  []jsonItem `json:"items"`            // an empty feed has an empty list
}

type jsonItem struct {
	*gorilla.JSONItem
	Author   *struct{}  `json:"author,omitempty"`
	Language string     `json:"language,omitempty"`
	Insights *extension `json:"_insights,omitempty"`
}

// extension is what JSON Feed has no word for.
type extension struct {
	About          string `json:"about"` // a page that explains it
	ReadingMinutes int    `json:"reading_minutes"`
	Featured       bool   `json:"featured"`
}

func renderJSON(f Feed) ([]byte, error) {
	file := jsonFile{
		JSONFeed: (&gorilla.JSON{Feed: f.generic(func(plain string) string { return plain })}).JSONFeed(),
		Items:    []jsonItem{},
	}
	file.FeedUrl = f.CurrentURL(JSON) // it identifies the feed, whose pages the archives are
	file.Language = f.Site.Language
	file.NextUrl = f.PreviousURL(JSON)
	file.Icon, file.Favicon = f.Site.Icon, f.Site.Favicon
	if hub := f.hub(); hub != "" {
		file.Hubs = []*gorilla.JSONHub{{Type: "WebSub", Url: hub}}
	}
	for i, item := range file.JSONFeed.Items {
		e := f.Entries[i]
		item.Image = e.Image
		for _, c := range e.Categories {
			item.Tags = append(item.Tags, c.Name)
		}
		extended := jsonItem{JSONItem: item, Language: e.Language}
		if e.Minutes > 0 {
			extended.Insights = &extension{About: f.Site.BaseURL + "/feeds", ReadingMinutes: e.Minutes, Featured: e.Featured}
		}
		file.Items = append(file.Items, extended)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // it is no script in a page: <, > and & stay legible
	encoder.SetIndent("", "  ")
	err := encoder.Encode(file)
	return b.Bytes(), err
}
