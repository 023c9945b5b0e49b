package controller

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/autohep"
)

// TestOneEventPerTemplate has a node with many problems of one template, which are one with a count, and others, which
// are told of one by one.
func TestOneEventPerTemplate(t *testing.T) {
	problems := []autohep.Problem{{Node: "n", Text: "a."}, {Node: "n", Text: "b."}, {Node: "n", Template: "t", Text: "c."}}
	for i := range 300 {
		problems = append(problems, autohep.Problem{Node: "n", Template: "bad", Text: fmt.Sprintf("%d.", i)})
	}
	want := append(problems[:3:3], autohep.Problem{
		Node: "n", Template: "bad", Text: "0. This template has 299 more problems on the node; calicoctl controller status -o yaml shows all.",
	})
	if diff := cmp.Diff(want, summed(problems)); diff != "" {
		t.Error(diff)
	}
}
