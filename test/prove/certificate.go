package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/edfb3db0/calicoctl/policy"
)

// tally is what was found under some rulesets.
type tally struct {
	sets, packets, allowed, denied, unknown int
	// answers are those that were looked for: lost of them are not to come back.
	answers, lost int
	// explained is how many of the sets have been looked at for what packets met, and met how often that was something.
	explained, met int
	wrong          []string
	// repeated are the sets with which something was wrong at first, and nothing when they were run again.
	repeated []string
}

func (t *tally) add(other *tally) {
	t.sets += other.sets
	t.packets += other.packets
	t.allowed += other.allowed
	t.denied += other.denied
	t.unknown += other.unknown
	t.answers += other.answers
	t.lost += other.lost
	t.explained += other.explained
	t.met += other.met
	t.wrong = append(t.wrong, other.wrong...)
	t.repeated = append(t.repeated, other.repeated...)
}

// hear runs a trial and counts it. What is wrong may have been late, so it is run again then.
func (t *tally) hear(of *trial, run func() ([]string, error)) error {
	wrong, err := run()
	if err == nil && len(wrong) > 0 {
		if wrong, err = run(); err == nil && len(wrong) == 0 {
			t.repeated = append(t.repeated, of.name)
		}
	}
	if err == nil {
		t.count(of, wrong)
	}
	return err
}

func (t *tally) count(of *trial, wrong []string) {
	t.sets++
	t.packets += len(of.packets)
	if of.met != nil {
		t.explained++
		t.met += of.met.sum()
	}
	for i := range of.packets {
		switch of.packets[i].want {
		case policy.Allowed:
			t.allowed++
		case policy.Denied:
			t.denied++
		default:
			t.unknown++
		}
		switch of.packets[i].answered {
		case 'a':
			t.answers++
		case 'n':
			t.answers++
			t.lost++
		}
	}
	t.wrong = append(t.wrong, wrong...)
}

// certificate is the whole proof.
type certificate struct {
	recorded, drawn *tally
	// refused is how many more snapshots were drawn that no agent takes.
	refused     int
	seed        int
	took        time.Duration
	labs        int
	kernel, nft string
}

// prove makes the proof.
func (o *options) prove(ctx context.Context) (*certificate, error) {
	c := &certificate{seed: o.seed, labs: o.labs}
	var err error
	if c.kernel, c.nft, err = versions(ctx); err != nil {
		return nil, err
	}
	start := time.Now()
	recorded, err := recordedTrials(o.folder, o.every)
	if err != nil {
		return nil, err
	}
	if c.recorded, err = proveTrials(ctx, recorded, o.labs); err != nil {
		return nil, err
	}
	drawn, refused, err := drawnTrials(o.drawn, o.seed)
	if err != nil {
		return nil, err
	}
	c.refused = refused
	if c.drawn, err = proveTrials(ctx, drawn, o.labs); err != nil {
		return nil, err
	}
	c.took = time.Since(start)
	return c, nil
}

func (c *certificate) disagreements() []string {
	return slices.Concat(c.recorded.wrong, c.drawn.wrong)
}

func (c *certificate) print(w io.Writer) error {
	verdict := "The kernel and the engine agree on every packet, and on what it met."
	if n := len(c.disagreements()); n > 0 {
		verdict = fmt.Sprintf("There are %d DISAGREEMENTS.", n)
	}
	repeated := slices.Concat(c.recorded.repeated, c.drawn.repeated)
	if len(repeated) > 0 {
		verdict += " Only when run again: " + strings.Join(repeated, ", ") + "."
	}
	_, err := fmt.Fprintf(w, `recorded sets:     %d
  packets:         %d (%d allowed, %d denied)
  answers:         %d (%d are lost)
  reasons:         %d, in %d of the sets
  disagreements:   %d; sets that agreed only when run again: %d
random snapshots:  %d from seed %d (%d more have failsafe ports that no agent takes)
  packets:         %d (%d allowed, %d denied, %d of which the engine says that it cannot know)
  answers:         %d (%d are lost)
  reasons:         %d, in %d of them
  disagreements:   %d; sets that agreed only when run again: %d
kernel:            %s
nft:               %s
time:              %.1f s, %d at once
%s
`,
		c.recorded.sets, c.recorded.packets, c.recorded.allowed, c.recorded.denied, c.recorded.answers, c.recorded.lost,
		c.recorded.met, c.recorded.explained, len(c.recorded.wrong), len(c.recorded.repeated),
		c.drawn.sets, c.seed, c.refused, c.drawn.packets, c.drawn.allowed, c.drawn.denied, c.drawn.unknown,
		c.drawn.answers, c.drawn.lost,
		c.drawn.met, c.drawn.explained, len(c.drawn.wrong), len(c.drawn.repeated),
		c.kernel, c.nft, c.took.Seconds(), c.labs, verdict)
	return err
}
