package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/render"
)

// How long packets are waited for: those that should come, and after them those that should not.
const (
	patience = 500 * time.Millisecond
	grace    = 3 * time.Millisecond
)

// outcome is what became of a packet.
type outcome struct{ arrived, answered bool }

// experiment is a trial that is being run.
type experiment struct {
	*lab
	*trial
	number uint16
	found  []outcome
	// missing counts what should have come and has not, and stray what came from another trial or to a wrong place.
	missing int
	stray   []string
	err     error
}

// run loads the rules of a trial, sends its packets and waits for them.
func (l *lab) run(t *trial, number uint16) (wrong []string, err error) {
	x := &experiment{lab: l, trial: t, number: number, found: make([]outcome, len(t.packets))}
	if err := l.command(t.rules+surroundings(t), "nft", "-f", "-"); err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	if err := l.forget(); err != nil {
		return nil, err
	}
	for i := range t.packets {
		if t.packets[i].want == policy.Allowed {
			x.missing++
		}
		if t.packets[i].answered == 'a' {
			x.missing++
		}
		if err := x.send(i); err != nil {
			return nil, fmt.Errorf("%s: send packet %d: %w", t.name, i, err)
		}
	}
	for {
		wait := patience
		if x.missing == 0 {
			wait = grace
		}
		some, err := l.receive(wait, x.got)
		if err := errors.Join(err, x.err); err != nil {
			return nil, err
		}
		if !some {
			return x.wrong()
		}
	}
}

// wrong is all that was not as expected.
func (x *experiment) wrong() ([]string, error) {
	wrong := append(x.judge(x.found), x.stray...)
	if x.met == nil {
		return wrong, nil
	}
	listed, err := x.output("", "nft", "list", "table", "inet", render.Table)
	if err != nil {
		return nil, err
	}
	return append(wrong, x.met.differences(x.name, countersIn(listed))...), nil
}

// surroundings is the rest of the host's rules: what services rewrite, and that it sends nothing by itself.
func surroundings(t *trial) string {
	return fmt.Sprintf(`
table inet surroundings
delete table inet surroundings
table inet surroundings {
	chain output {
		type filter hook output priority -500; policy accept;
		meta mark != %d drop
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		%s
	}
}
`, ownMark, strings.Join(t.nat(), "\n\t\t"))
}

// send sends a packet of the trial.
func (x *experiment) send(i int) error {
	f := &x.packets[i].flow
	p := request(f, mark{trial: x.number, packet: uint16(i)})
	if f.Path == policy.Output || f.Path == policy.Local {
		return x.sendFromHost(&p)
	}
	return x.sendFromWorld(x.wireOf(f.In), &p)
}

// got notes what came, and answers it.
func (x *experiment) got(m mark, w *wire, data []byte) {
	at := ""
	if w != nil {
		at = w.name
	}
	if m.trial != x.number || int(m.packet) >= len(x.packets) {
		x.stray = append(x.stray, fmt.Sprintf("%s: packet %d of another one came to %q", x.name, m.packet, at))
		return
	}
	p, o := &x.packets[m.packet], &x.found[m.packet]
	if m.answer {
		x.answered(p, o, at, data)
		return
	}
	if !p.arrivesAt(at) {
		x.stray = append(x.stray, fmt.Sprintf("%s: packet %d came to %q", x.name, m.packet, at))
		return
	}
	if !o.arrived && p.want == policy.Allowed {
		x.missing--
	}
	o.arrived = true
	if p.answered == 0 {
		return
	}
	reply, ok := answer(&p.flow, m, p.flow.DNATTo.IsValid() && !p.untracked)
	switch {
	case !ok:
	case w != nil:
		x.err = x.sendFromWorld(w, &reply)
	default:
		x.err = x.sendFromHost(&reply)
	}
}

// answered notes an answer. One that does not come from where the packet was sent to is none.
func (x *experiment) answered(p *probe, o *outcome, at string, data []byte) {
	switch {
	case !p.answerArrivesAt(at):
		x.stray = append(x.stray, fmt.Sprintf("%s: an answer to %s came to %q", x.name, p.flow.From, at))
	case at != "" && !comesFrom(data, &p.flow) || o.answered:
	default:
		o.answered = true
		if p.answered == 'a' {
			x.missing--
		}
	}
}

// comesFrom tells whether a frame comes from where a flow goes to, before its destination is rewritten.
func comesFrom(frame []byte, f *policy.Flow) bool {
	const link, source4, ports4, source6, ports6 = 14, 12, 20, 8, 40
	source, ports := link+source4, link+ports4
	if f.To.Is6() {
		source, ports = link+source6, link+ports6
	}
	if !bytes.HasPrefix(frame[source:], f.To.AsSlice()) {
		return false
	}
	return !f.Protocol.HasPorts() || binary.BigEndian.Uint16(frame[ports:]) == *f.Port
}

// judge compares what became of the packets with what was expected.
func (t *trial) judge(found []outcome) []string {
	var wrong []string
	for i := range t.packets {
		p, o := &t.packets[i], found[i]
		say := func(format string, args ...any) {
			text, err := json.Marshal(p.flow)
			if err != nil {
				text = []byte(err.Error())
			}
			wrong = append(wrong, fmt.Sprintf("%s: packet %d %s: %s", t.name, i, text, fmt.Sprintf(format, args...)))
		}
		if p.want != policy.Unknown && o.arrived != (p.want == policy.Allowed) {
			say("arrived: %v, the engine says %s by %s %s %s", o.arrived, p.want, p.decision.By, p.decision.Stage, p.decision.Why)
		}
		if p.recorded != 0 && o.arrived != (p.recorded != 'd') {
			say("arrived: %v, recorded %c", o.arrived, p.recorded)
		}
		if p.answered != 0 && o.arrived && o.answered != (p.answered == 'a') {
			say("answered: %v, expected %c, the engine says %+v", o.answered, p.answered, p.lost)
		}
	}
	return wrong
}

// proveTrials runs trials, as many at once as there are labs.
func proveTrials(ctx context.Context, trials []*trial, labs int) (*tally, error) {
	work := make(chan *trial)
	results := make(chan *tally, labs)
	errs := make(chan error, labs)
	for range labs {
		go func() {
			c, err := worker(ctx, work)
			results <- c
			errs <- err
		}()
	}
	go func() {
		defer close(work)
		for _, t := range trials {
			select {
			case work <- t:
			case <-ctx.Done():
				return
			}
		}
	}()
	total := &tally{}
	var failed error
	for range labs {
		total.add(<-results)
		if err := <-errs; err != nil && failed == nil {
			failed = err
		}
	}
	if failed == nil {
		failed = ctx.Err()
	}
	return total, failed
}

// worker runs trials in a lab of its own. It never unlocks its thread, which ends with it and takes the lab along.
func worker(ctx context.Context, work <-chan *trial) (*tally, error) {
	c := &tally{}
	l, err := newLab(ctx)
	if err != nil {
		for range work { // so that nobody waits
		}
		return c, err
	}
	defer l.close()
	number := uint16(0)
	for t := range work {
		err := c.hear(t, func() ([]string, error) {
			number++
			return l.run(t, number)
		})
		if err != nil {
			for range work {
			}
			return c, err
		}
	}
	return c, nil
}
