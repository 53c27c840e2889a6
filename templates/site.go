package templates

import "github.com/scaledbydesign/insights/content"

// Site is what every page and every email says about whose they are. It is filled
// from the section "site" of the configuration; [DefaultSite] has the values
// of missing keys.
type Site struct {
	BaseURL       string `yaml:"base_url" doc:"Address of the site, without a slash at its end; every link starts with it."`
	Title         string `yaml:"title" doc:"Title of the site, and of the feed of all insights."`
	Heading       string `yaml:"heading" doc:"Heading of the index, and its name in the header."`
	Description   string `yaml:"description" doc:"One sentence about the site."`
	Language      string `yaml:"language" doc:"Language of the site, as a BCP 47 tag."`
	TimeZone      string `yaml:"time_zone" doc:"Time zone of the site, an IANA name: of dates without a time, and of times in emails."`
	Author        string `yaml:"author" doc:"Author of insights that name none."`
	Owner         string `yaml:"owner" doc:"Who publishes the site, as the header shows it."`
	OwnerURL      string `yaml:"owner_url" doc:"Address of the owner's main site."`
	Tagline       string `yaml:"tagline" doc:"Text beside the owner's name in the footer."`
	Contact       string `yaml:"contact" doc:"Email address in the footer. Empty: none."`
	PostalAddress string `yaml:"postal_address" doc:"Postal address in emails, which many laws require. Empty: none."`
	Copyright     string `yaml:"copyright" doc:"Last line of the footer."`
	Authority     string `yaml:"authority" doc:"What the ids in feeds begin with (RFC 4151), such as example.com,2025. Set it once and never change it: feed readers would see every insight as new."`
	Links         Links  `yaml:"links"`

	Categories []content.Category `yaml:"categories" doc:"Categories of insights, in the order in which they are shown."`
}

// Links are the ways from the site to the rest of the owner's.
type Links struct {
	Navigation []Link       `yaml:"navigation" doc:"Links in the header."`
	Action     Link         `yaml:"action"` // the button at the end of the navigation
	Footer     []Column     `yaml:"footer" doc:"Columns of links in the footer."`
	AfterList  CallToAction `yaml:"after_list"` // under a list of insights and under an insight
	Closing    CallToAction `yaml:"closing"`    // above the footer of every page
}

// Link is a label with where it leads: an absolute URL, or a path of this site.
type Link struct {
	Label string `yaml:"label" doc:"What the link says."`
	URL   string `yaml:"url" doc:"Where it leads: an absolute URL, or a path of this site."`
}

// Column is one titled group of links in the footer.
type Column struct {
	Title string `yaml:"title" doc:"Heading of the column."`
	Links []Link `yaml:"links" doc:"Its links."`
}

// CallToAction asks the reader for one thing. Without a heading it is not shown.
type CallToAction struct {
	Heading string `yaml:"heading" doc:"What the reader is asked; empty: it is not shown."`
	Text    string `yaml:"text" doc:"A sentence under the heading."`
	Label   string `yaml:"label" doc:"What the button says."`
	URL     string `yaml:"url" doc:"Where the button leads."`
}

// DefaultSite is the site of ScaledByDesign, all but its BaseURL.
func DefaultSite() Site {
	const main = "https://www.scaledbydesign.com"
	return Site{
		Title:       "ScaledByDesign Insights",
		Heading:     "Insights",
		Description: "Technical insights on scaling systems, engineering leadership, and building what matters.",
		Language:    "en",
		TimeZone:    "UTC",
		Author:      "ScaledByDesign",
		Owner:       "ScaledByDesign",
		OwnerURL:    main + "/",
		Tagline:     "Fractional CTO + execution partner for revenue-critical systems.",
		Contact:     "contact@scaledbydesign.com",
		Copyright:   "© 2026 ScaledByDesign. All rights reserved.",
		Authority:   "scaledbydesign.com,2025",
		Links: Links{
			Navigation: []Link{
				{"Services", main + "/services"},
				{"Pricing", main + "/pricing"},
				{"About", main + "/about"},
				{"Contact", main + "/contact"},
			},
			Action: Link{"Book a Call", main + "/contact"},
			Footer: []Column{
				{"Company", []Link{{"About", main + "/about"}, {"Services", main + "/services"}, {"Contact", main + "/contact"}}},
				{"Resources", []Link{{"Insights", "/"}, {"Pricing", main + "/pricing"}, {"FAQ", main + "/faq"}}},
				{"Legal", []Link{{"Privacy Policy", main + "/privacy"}, {"Terms of Service", main + "/terms"}}},
			},
			AfterList: CallToAction{
				"Need Help With Your Tech Stack?", "From fractional CTO services to architecture audits, we help teams ship faster without the technical debt hangover.",
				"Let's Talk", main + "/contact",
			},
			Closing: CallToAction{"Ready to Ship?", "Let's talk about your engineering challenges and how we can help.", "Book a Call", main + "/contact"},
		},
		Categories: DefaultCategories(),
	}
}

// DefaultCategories are the seven subjects of ScaledByDesign's insights.
func DefaultCategories() []content.Category {
	return []content.Category{
		{Slug: "architecture", Name: "Architecture", Description: "How systems are divided, joined and changed while they run."},
		{Slug: "split-testing-tracking", Name: "Split Testing & Tracking", Description: "Experiments and measurements that can be trusted."},
		{Slug: "ai-automation", Name: "AI & Automation", Description: "Language models and agents that hold up in production."},
		{Slug: "engineering", Name: "Engineering", Description: "How teams build, review, ship and look after software."},
		{Slug: "growth-ops", Name: "Growth Ops", Description: "The systems behind revenue: checkout, retention, attribution, inventory."},
		{Slug: "leadership", Name: "Leadership", Description: "Hiring, roadmaps, technical debt, and who decides what."},
		{Slug: "infrastructure", Name: "Infrastructure", Description: "Where software runs, what it costs, and how it stays up."},
	}
}
