package feedstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

func parseJSON(body []byte) (f Feed, err error) {
	type person struct {
		Name string `json:"name"`
	}
	var doc struct {
		Version     string `json:"version"`
		Title       string `json:"title"`
		HomePageURL string `json:"home_page_url"`
		FeedURL     string `json:"feed_url"`
		Description string `json:"description"`
		Icon        string `json:"icon"`
		Favicon     string `json:"favicon"`
		Language    string `json:"language"`
		NextURL     string `json:"next_url"`
		Hubs        []struct {
			Type string `json:"type"`
			URL  string `json:"url"`
		} `json:"hubs"`
		Author  *json.RawMessage `json:"author"`
		Authors []person         `json:"authors"`
		Items   *[]struct {
			ID            string           `json:"id"`
			URL           string           `json:"url"`
			Title         string           `json:"title"`
			ContentHTML   string           `json:"content_html"`
			Summary       string           `json:"summary"`
			Image         string           `json:"image"`
			DatePublished time.Time        `json:"date_published"`
			DateModified  time.Time        `json:"date_modified"`
			Author        *json.RawMessage `json:"author"`
			Authors       []person         `json:"authors"`
			Tags          []string         `json:"tags"`
			Language      string           `json:"language"`
			Insights      struct {
				About          string `json:"about"`
				ReadingMinutes int    `json:"reading_minutes"`
				Featured       bool   `json:"featured"`
			} `json:"_insights"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return f, fmt.Errorf("not JSON: %w", err)
	}
	if doc.Version != "https://jsonfeed.org/version/1.1" {
		f.fault("version %q", doc.Version)
	}
	if doc.Items == nil {
		return f, errors.New("no items: an empty feed needs an empty list")
	}
	if doc.Icon != doc.Favicon {
		f.fault("icon %q, favicon %q", doc.Icon, doc.Favicon)
	}
	f = Feed{
		Faults: f.Faults,
		Title:  doc.Title, Description: doc.Description, Language: doc.Language, Self: doc.FeedURL, Home: doc.HomePageURL,
		Icon: doc.Icon, Author: only(&f, "authors", doc.Authors).Name, Previous: doc.NextURL,
	}
	if doc.Hubs != nil {
		hub := only(&f, "hubs", doc.Hubs)
		if hub.Type != "WebSub" {
			f.fault("hub of type %q", hub.Type)
		}
		f.Hub = hub.URL
	}
	deprecated := doc.Author != nil
	for _, item := range *doc.Items {
		deprecated = deprecated || item.Author != nil
		if minutes := item.Insights.ReadingMinutes; minutes > 0 && item.Insights.About == "" {
			f.fault("_insights says nothing about itself")
		}
		f.Entries = append(f.Entries, Entry{
			ID: item.ID, URL: item.URL, Title: item.Title, Summary: item.Summary, HTML: item.ContentHTML,
			Author: only(&f, "authors", item.Authors).Name, Language: item.Language, Image: item.Image,
			Published: item.DatePublished, Updated: item.DateModified, Categories: item.Tags,
			Minutes: item.Insights.ReadingMinutes, Featured: item.Insights.Featured,
		})
	}
	if deprecated {
		f.fault("author: deprecated by JSON Feed 1.1")
	}
	return f, nil
}
