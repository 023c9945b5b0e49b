package controller

import (
	"fmt"

	"github.com/edfb3db0/calicoctl/autohep"
)

// summed are problems with one for each node and template, which tells how many more there are.
func summed(problems []autohep.Problem) (sums []autohep.Problem) {
	type group struct{ node, template string }
	at, more := map[group]int{}, map[int]int{}
	for _, p := range problems {
		of := group{p.Node, p.Template}
		if i, ok := at[of]; ok && p.Template != "" {
			more[i]++
			continue
		}
		at[of] = len(sums)
		sums = append(sums, p)
	}
	for i, n := range more {
		sums[i].Text += fmt.Sprintf(" This template has %d more problems on the node; calicoctl controller status -o yaml shows all.", n)
	}
	return sums
}
