package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
)

// Values of --guard.
const (
	guardWarn   = "warn"
	guardRefuse = "refuse"
	guardOff    = "off"
)

var guardModes = []string{guardWarn, guardRefuse, guardOff}

// errRefused ends a write that the guard does not let pass.
var errRefused error = answerNo("nothing was written: the guard refuses to cut off this traffic; --guard=warn writes all the same")

// errBlind ends a write that the guard may not let pass unseen.
var errBlind = errors.New("nothing was written: what it would cut off cannot be told")

// guard looks at what a write would cut off before it is made.
type guard struct {
	mode  string
	flows []vitalFlow
	// endpoints are where the datastore is reached, as host:port.
	endpoints []string
}

// check tries a write, and says which vital traffic would be denied by it and is not now. It returns errRefused if
// the write must not be made.
func (g *guard) check(ctx context.Context, s *session, store datastore.Store, a attempt) error {
	if g.mode == guardOff {
		return nil
	}
	overlay := datastore.NewOverlay(store)
	s.trying = true
	err := a.write(overlay)
	s.trying, s.known = false, overlay.Known
	if g.mode == guardRefuse {
		if err := untried(*a.results, err); err != nil {
			return err
		}
	}
	if err != nil || !a.kept() {
		return nil //nolint:nilerr // the write itself will say what is wrong
	}
	changed := overlay.Changed()
	maps.DeleteFunc(changed, func(key resources.Key, _ resources.Object) bool { return !slices.Contains(worldKinds, key.Kind) })
	if len(changed) == 0 {
		return nil
	}
	losses, err := g.losses(ctx, s, overlay, changed)
	if len(losses) > 0 {
		s.deps.warn("this cuts off traffic that keeps the cluster alive:\n" + strings.Join(losses, "\n"))
	}
	switch {
	case err != nil && g.mode == guardRefuse:
		return fmt.Errorf("%w: %w", errBlind, err)
	case err != nil:
		s.deps.warn("what this write cuts off cannot be told: " + err.Error())
		return nil
	case len(losses) > 0 && g.mode == guardRefuse:
		return errRefused
	}
	return nil
}

// untried is why a write could not be tried, or one of its objects not for a reason that may be over when it is
// written: it might then succeed unseen.
func untried(results []datastore.Result, err error) error {
	if err != nil {
		return err
	}
	for _, r := range results {
		if errors.Is(r.Err, datastore.ErrUnavailable) || errors.Is(r.Err, datastore.ErrUnauthorized) {
			return fmt.Errorf("%w: %w", errBlind, r.Err)
		}
	}
	return nil
}

// losses are lines about the vital traffic that is cut off. Those about refused configurations come with an error of the
// engine, too.
func (g *guard) losses(ctx context.Context, s *session, overlay *datastore.Overlay, changed map[resources.Key]resources.Object) ([]string, error) {
	before, err := readWorld(ctx, s.deps, baseOf{overlay})
	if err != nil {
		return nil, err
	}
	after := before.changedBy(changed)
	if s.controlled() {
		before, after = inStep(before, after)
	}
	engineBefore := s.deps.engine(ctx, before)
	engineAfter := engineBefore.Next(after.snapshot())
	c := clusterOf(before, after)
	vital, meant := c.vital(slices.Concat(g.flows, c.connectionFlows(ctx, g.endpoints)))
	lost := policy.Guard(engineBefore, engineAfter, vital)
	refusals := refusalLines(policy.Refusals(engineBefore, engineAfter))
	var lines []string
	if len(lost) > 0 { // long lists of networks take time to be named
		r := lossReport{words: newWords(c, engineAfter.Space()), world: after, engine: engineAfter, vital: vital, meant: meant}
		lines = r.lines(lost)
	}
	if err := engineAfter.Err(); err != nil {
		return refusals, err
	}
	return append(refusals, lines...), nil
}

// refusalLines are one for each configuration that calico-node does not take.
func refusalLines(refusals []policy.Refusal) []string {
	lines := make([]string, len(refusals))
	for i, r := range refusals {
		key, _ := resources.KeyOf(r.Config)
		lines[i] = fmt.Sprintf("  all policy, where %s counts: %s, and programs nothing", key, r.Why)
	}
	return lines
}

// baseOf reads a datastore through an overlay, without what was changed.
type baseOf struct{ *datastore.Overlay }

func (b baseOf) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	items, err := b.Base(ctx, kind)
	return kind.NewList("", items), err
}

// changedBy is the world with changes; nil stands for a deletion.
func (w *world) changedBy(changes map[resources.Key]resources.Object) *world {
	next := w.with(nil)
	for key, o := range changes {
		delete(next.objects, key)
		if o != nil {
			next.put(o)
		}
	}
	return next
}

// lossReport puts losses into words.
type lossReport struct {
	words  *words
	world  *world
	engine *policy.Engine
	vital  []policy.Vital
	meant  []vitalFlow
}

// lossGroup is what the same decision cuts off on the same nodes.
type lossGroup struct {
	nodes    []string
	decision string
	lost     []*lostFlow
}

// lostFlow is vital traffic that is cut off: to other ends, or of the node with itself at its own and its loopback
// addresses.
type lostFlow struct {
	flow                  *vitalFlow
	others, own, loopback string
}

func (l *lostFlow) String() string {
	text := l.others
	switch {
	case l.own == l.loopback && l.own != "":
		text = l.own + " from the node itself"
	case l.own != "" && l.loopback != "":
		text = l.own + " from the node itself to its own address, " + l.loopback + " over loopback"
	case l.own != "":
		text = l.own + " from the node itself to its own address"
	case l.loopback != "":
		text = l.loopback + " from the node itself over loopback"
	}
	return l.flow.name + ": " + text + "; " + l.flow.why
}

// shownLosses is how many groups of losses are written out.
const shownLosses = 8

// lines are one for each group of losses, and one for each loss in it.
func (r *lossReport) lines(losses []policy.Loss) []string {
	var groups []*lossGroup
	for _, l := range losses {
		decision := r.world.decision(r.engine, l.Flow, l.Decision)
		if l.Decision.Rule != nil {
			decision += " denies it"
		}
		if l.Answer {
			decision = fmt.Sprintf("the answers are dropped (%s of %s): %s", l.Decision.Direction, doorWords(l.Decision.Interface), decision)
		}
		at := slices.IndexFunc(groups, func(g *lossGroup) bool { return g.decision == decision && slices.Equal(g.nodes, l.Nodes) })
		if at < 0 {
			at, groups = len(groups), append(groups, &lossGroup{nodes: l.Nodes, decision: decision})
		}
		groups[at].add(r.lost(l))
	}
	var lines []string
	for i, g := range groups {
		if i == shownLosses {
			lines = append(lines, fmt.Sprintf("  and in %s more; calicoctl diff shows all that changes", count(len(groups)-i, "such case")))
			break
		}
		lines = append(lines, fmt.Sprintf("  on %s, because %s:", r.words.nodes(g.nodes), g.decision))
		for _, l := range g.lost {
			lines = append(lines, "    "+l.String())
		}
	}
	return lines
}

// add enters a loss, together with that of the same flow at other addresses of the node. The same loss by another
// interface is entered once.
func (g *lossGroup) add(l *lostFlow) {
	for _, other := range g.lost {
		if other.flow.name == l.flow.name && other.others == l.others {
			other.own, other.loopback = other.own+l.own, other.loopback+l.loopback
			return
		}
	}
	g.lost = append(g.lost, l)
}

func (r *lossReport) lost(l policy.Loss) *lostFlow {
	path := r.vital[l.Vital].Path
	lost := &lostFlow{flow: &r.meant[l.Vital]}
	family := r.vital[l.Vital].Boxes[0].IPVersion // which goes without saying, as the nodes have no other
	boxes := r.words.open(l.Lost)
	if path != policy.Local && len(l.Nodes) == 1 && !r.words.named(boxes, path) {
		boxes = r.words.open(r.words.besides(l.Nodes[0], l.Lost, path))
	}
	texts := make([]string, len(boxes))
	for i, box := range boxes {
		box.Service = lost.flow.withoutClients(box.Service)
		if l.Answer { // which failsafe ports of others spare when a client happens to have one
			box.Service.SourcePorts = nil
		}
		if box.Service.IPVersion == family {
			box.Service.IPVersion = 0
		}
		switch {
		case path == policy.Local && box.Service.IPVersion != 0:
			texts[i] = fmt.Sprintf("%s in IPv%d", service(box.Service), box.Service.IPVersion)
		case path == policy.Local:
			texts[i] = service(box.Service)
		default:
			texts[i] = r.words.serviceAndPeers(box, path)
		}
	}
	switch text := strings.Join(slices.Compact(texts), "; "); {
	case path != policy.Local:
		lost.others = text
	case l.Loopback:
		lost.loopback = text
	default:
		lost.own = text
	}
	return lost
}

// guardFlags are the flags of every command that writes.
type guardFlags struct{ mode, flows string }

func (f *guardFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.mode, "guard", "", "what to do when a write would cut off traffic that keeps the cluster alive: "+
		strings.Join(guardModes, ", ")+" (default "+guardWarn+"; CALICO_GUARD)")
	addGuardFlows(cmd, &f.flows)
	complete(cmd, "guard", guardModes)
}

func addGuardFlows(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "guard-flows", "", "a `file` that says which traffic keeps the cluster alive (CALICO_GUARD_FLOWS)")
}

// guard finds out what the guard is to do: flags win over the environment, and that over a configuration file.
func (f guardFlags) guard(d *Deps, c Config) (*guard, error) {
	mode := d.firstOf(f.mode, "CALICO_GUARD", c.Guard)
	if mode == "" {
		mode = guardWarn
	}
	if !slices.Contains(guardModes, mode) {
		return nil, fmt.Errorf("unknown --guard %q; write %s", mode, strings.Join(guardModes, ", "))
	}
	if mode == guardOff {
		return &guard{mode: mode}, nil
	}
	flows, err := d.vitalFlows(f.flows, c.GuardFlows)
	return &guard{mode: mode, flows: flows}, err
}

// vitalFlows are those of every cluster, changed as a file says: flag and key are what names it on the command line and
// in the configuration file.
func (d *Deps) vitalFlows(flag, key string) ([]vitalFlow, error) {
	flows := vitalFlows()
	if file := d.firstOf(flag, "CALICO_GUARD_FLOWS", key); file != "" {
		return readFlows(file, flows)
	}
	return flows, nil
}

// firstOf is the first that is set: a flag, a variable of the environment, a key of a configuration file.
func (d *Deps) firstOf(flag, variable, key string) string {
	fromEnv, _ := d.LookupEnv(variable)
	return cmp.Or(flag, fromEnv, key)
}
