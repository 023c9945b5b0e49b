package main

import (
	"fmt"
	"io"

	"github.com/edfb3db0/calicoctl/policy"
)

// certificate is what was found.
type certificate struct {
	sets, packets, allowed, denied, unknown, answers int
	disagreements                                    []string
}

func (c *certificate) add(other *certificate) {
	c.sets += other.sets
	c.packets += other.packets
	c.allowed += other.allowed
	c.denied += other.denied
	c.unknown += other.unknown
	c.answers += other.answers
	c.disagreements = append(c.disagreements, other.disagreements...)
}

func (c *certificate) count(t *trial, wrong []string) {
	c.sets++
	c.packets += len(t.packets)
	for i := range t.packets {
		switch t.packets[i].want {
		case policy.Allowed:
			c.allowed++
		case policy.Denied:
			c.denied++
		default:
			c.unknown++
		}
		if t.packets[i].answered != 0 {
			c.answers++
		}
	}
	c.disagreements = append(c.disagreements, wrong...)
}

// print writes one line of the certificate.
func (c *certificate) print(w io.Writer, title string) {
	fmt.Fprintf(w, "%-28s %5d sets %7d packets: %d allowed, %d denied, %d not known to the engine; %d with their answers; %d disagreements\n",
		title, c.sets, c.packets, c.allowed, c.denied, c.unknown, c.answers, len(c.disagreements))
}
