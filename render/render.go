package render

import (
	"fmt"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Table is the name of the table, which is of the family inet.
const Table = "calicoctl"

// Bits of the packet mark, which the ruleset uses for itself.
const (
	markUntracked = 0x10000000 // a doNotTrack policy allows the packet
	markPreDNAT   = 0x20000000 // a preDNAT policy allows the packet
)

// Result is a ruleset.
type Result struct {
	// Text is what nft reads: it replaces the table, whatever was in it.
	Text string
	// Omitted says which rules are not in it, or not whole, and why.
	Omitted []string
}

// Nft translates what a snapshot means for a node.
func Nft(s policy.Snapshot, node string) (Result, error) {
	engine := policy.New(s)
	plan, err := engine.Plan(node)
	if err != nil {
		return Result{}, err
	}
	b := &builder{
		engine: engine, plan: plan, names: map[string]bool{}, omitted: map[string]bool{},
		selected: map[selection]*chosen{}, named: map[namedKey]string{},
	}
	if err := b.interfaces(); err != nil {
		return Result{}, err
	}
	b.failsafes()
	b.early()
	b.late()
	return Result{Text: b.text(node), Omitted: b.notes}, nil
}

// builder collects the parts of the table.
type builder struct {
	engine *policy.Engine
	plan   *policy.Plan
	// names are the names that sets and chains have.
	names  map[string]bool
	sets   []string
	chains []*chain
	// selected and named are what was looked up before.
	selected map[selection]*chosen
	named    map[namedKey]string
	omitted  map[string]bool
	notes    []string
}

// selection is the label expressions of one end of a rule.
type selection struct {
	selector, notSelector, spaces string
	serviceAccounts               bool
}

// namedKey is a named port in an IP version.
type namedKey struct {
	version int
	port    string
}

// chain is a chain and its lines.
type chain struct {
	name, about string
	lines       []string
}

func (b *builder) chain(about string, parts ...string) *chain {
	c := &chain{name: b.name(parts...), about: plain(about)}
	b.chains = append(b.chains, c)
	return c
}

func (c *chain) add(format string, args ...any) {
	c.lines = append(c.lines, fmt.Sprintf(format, args...))
}

// interfaces refuses names of interfaces that cannot be written: nft reads a star at their end as any ending.
func (b *builder) interfaces() error {
	for _, i := range b.plan.Interfaces {
		if strings.ContainsFunc(i.Name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"\*`, r) }) || i.Name == "" {
			return fmt.Errorf("interface name %q of HostEndpoint(%s) cannot be written in nft", i.Name, i.Endpoint.Name)
		}
	}
	return nil
}

// endpoints are the endpoints of the node, each once.
func (b *builder) endpoints() []*policy.PlannedEndpoint {
	var list []*policy.PlannedEndpoint
	seen := map[*policy.PlannedEndpoint]bool{nil: true}
	for _, i := range b.plan.Interfaces {
		if !seen[i.Endpoint] {
			seen[i.Endpoint] = true
			list = append(list, i.Endpoint)
		}
	}
	if !seen[b.plan.Rest] {
		list = append(list, b.plan.Rest)
	}
	return list
}

// dispatch sends packets to the chain of the endpoint that governs their interface. Others go on to the end of
// the chain.
func (b *builder) dispatch(c *chain, match string, of map[*policy.PlannedEndpoint]*chain) {
	rest := of[b.plan.Rest]
	for _, i := range b.plan.Interfaces {
		switch to := of[i.Endpoint]; {
		case to != nil:
			c.add(`%s "%s" goto %s`, match, i.Name, to.name)
		case rest != nil:
			c.add(`%s "%s" accept`, match, i.Name)
		}
	}
	if rest != nil {
		c.add("goto %s", rest.name)
	}
}

func (b *builder) text(node string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# What host policy means for node %s, by calicoctl render. Load it with nft -f FILE,\n", plain(node))
	fmt.Fprintf(&out, "# and take it away with nft delete table inet %s.\n", Table)
	fmt.Fprintf(&out, "# Bits of the packet mark: 0x%08x a doNotTrack policy allows it, 0x%08x a preDNAT policy does.\n", markUntracked, markPreDNAT)
	fmt.Fprintf(&out, "table inet %s\ndelete table inet %[1]s\n\ntable inet %[1]s {\n", Table)
	for _, set := range b.sets {
		out.WriteString(set)
		out.WriteByte('\n')
	}
	for i, c := range b.chains {
		if i > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "\t# %s\n\tchain %s {\n", c.about, c.name)
		for _, line := range c.lines {
			fmt.Fprintf(&out, "\t\t%s\n", line)
		}
		out.WriteString("\t}\n")
	}
	out.WriteString("}\n")
	return out.String()
}

// omit notes a rule that is not translated, or not whole.
func (b *builder) omit(rule, why string) {
	note := rule + ": " + why
	if !b.omitted[note] {
		b.omitted[note] = true
		b.notes = append(b.notes, note)
	}
}

// policyName names a policy as the other commands do.
func policyName(p *v3.GlobalNetworkPolicy) string { return "GlobalNetworkPolicy(" + p.Name + ")" }
