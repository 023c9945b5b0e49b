// Package pages has the pages about the codes of calicoctl lint.
package pages

import (
	"embed"
	"fmt"
)

//go:embed CL*.md
var files embed.FS

// Page is the page about a code, in Markdown.
func Page(id string) ([]byte, error) {
	page, err := files.ReadFile(id + ".md")
	if err != nil {
		return nil, fmt.Errorf("there is no page about %s: %w", id, err)
	}
	return page, nil
}
