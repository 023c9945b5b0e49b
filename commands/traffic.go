package commands

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// words put sets of traffic into words, with names for the nodes of a world.
type words struct {
	cluster *cluster
	space   *policy.Space
	// groups are names of addresses.
	groups map[policy.Addresses]string
	// texts are what addresses gave before.
	texts map[policy.Addresses]string
}

// newWords takes the space of the engine that the sets come from, so that its limit counts for both.
func newWords(c *cluster, space *policy.Space) *words {
	w := &words{cluster: c, space: space, groups: map[policy.Addresses]string{}, texts: map[policy.Addresses]string{}}
	for _, set := range c.sets {
		key, _ := resources.KeyOf(set)
		nets, _ := policy.Networks(set.Spec.Nets)
		byFamily := map[bool][]netip.Prefix{} // as boxes have them
		for _, net := range nets {
			byFamily[net.Addr().Is4()] = append(byFamily[net.Addr().Is4()], net)
		}
		for _, nets := range byFamily {
			if len(nets) > shownNetworks {
				w.group(key.String(), nets)
			}
		}
	}
	reached := c.reached()
	for _, c := range []*cluster{c, reached} {
		w.group("all nodes", c.of(false))
	}
	for _, c := range []*cluster{c, reached} {
		w.group("the control plane", c.of(true))
	}
	for _, node := range slices.Backward(slices.Sorted(maps.Keys(c.addresses))) { // of several with the same addresses, the first
		w.group(node, c.addresses[node])
		if len(reached.addresses[node]) < len(c.addresses[node]) {
			w.group(node, reached.addresses[node])
		}
	}
	return w
}

func (w *words) group(name string, addresses []netip.Prefix) {
	if len(addresses) > 0 {
		w.groups[w.space.Addresses(addresses)] = name
	}
}

// named tells whether there is a name for the other ends of all boxes on a path.
func (w *words) named(boxes []policy.Outline, path policy.Path) bool {
	return !slices.ContainsFunc(boxes, func(b policy.Outline) bool {
		others := b.Sources
		if path == policy.Output {
			others = b.Destinations
		}
		_, named := w.groups[others]
		return !others.All() && !named
	})
}

// besides is the set on a path without the node itself as the other end.
func (w *words) besides(node string, set policy.Set, path policy.Path) policy.Set {
	itself := policy.Box{Sources: w.cluster.addresses[node]}
	if path == policy.Output {
		itself = policy.Box{Destinations: itself.Sources}
	}
	if len(w.cluster.addresses[node]) == 0 {
		return set
	}
	return set.Subtract(w.space.Set(itself))
}

// shownNetworks is how many networks are written out.
const shownNetworks = 4

// addresses names a set of addresses: all of them, those of nodes, all but some, or some.
func (w *words) addresses(all policy.Addresses, ipVersion int) string {
	if all.All() {
		return anywhere(ipVersion)
	}
	text, ok := w.texts[all]
	if !ok {
		text = w.addressesText(all)
		w.texts[all] = text
	}
	return text
}

func (w *words) addressesText(all policy.Addresses) string {
	if name, ok := w.groups[all]; ok {
		return name
	}
	if count := all.Count(); count > shownNetworks {
		if rest, ok := all.Rest(); ok && rest.Count() < count {
			return anywhere(all.IPVersion()) + " but " + w.addressesText(rest)
		}
	}
	return networksOf(all)
}

// networksOf writes out the first networks.
func networksOf(all policy.Addresses) string {
	return networks(all.First(shownNetworks)) + andMoreNetworks(all.Count()-shownNetworks)
}

// someNetworks writes out the first of a list.
func someNetworks(all []netip.Prefix) string {
	return networks(all[:min(len(all), shownNetworks)]) + andMoreNetworks(len(all)-shownNetworks)
}

func andMoreNetworks(n int) string {
	if n <= 0 {
		return ""
	}
	return andMore(n) + " networks"
}

func anywhere(ipVersion int) string {
	if ipVersion == 0 {
		return "anywhere"
	}
	return fmt.Sprintf("anywhere in IPv%d", ipVersion)
}

func networks(all []netip.Prefix) string {
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = p.String()
		if p.IsSingleIP() {
			texts[i] = p.Addr().String()
		}
	}
	return strings.Join(texts, ", ")
}

// traffic puts the packets on a path into words: "TCP 22,80-90 from 10.0.0.0/8", "ICMP from anywhere". Own
// addresses are named if it is not all of them.
func (w *words) traffic(set policy.Set, path policy.Path) []string {
	boxes := w.open(set)
	parts := make([]string, len(boxes))
	for i, box := range boxes {
		parts[i] = w.serviceAndPeers(box, path)
	}
	return parts
}

func (w *words) serviceAndPeers(b policy.Outline, path policy.Path) string {
	return service(b.Service) + w.toOrFrom(b, path)
}

func (w *words) toOrFrom(b policy.Outline, path policy.Path) string {
	if path == policy.Output {
		return " to " + w.peers(b, path)
	}
	return " from " + w.peers(b, path)
}

// service names protocol and ports of a box: "TCP 22,80-90", "ICMP type 8", "all protocols".
func service(b policy.Box) string { return serviceInBrief(b, math.MaxInt) }

// shownPorts is how many ports, and as many of what else is listed about a service, are shown where that has to be short.
const shownPorts = 8

// serviceInBrief is service with no more than the first few of each list.
func serviceInBrief(b policy.Box, shown int) string {
	protocols := listInBrief(rangeTexts(b.Protocols, protocolText), shown)
	switch {
	case len(b.Protocols) == 0:
		protocols = "all protocols"
	case len(b.Protocols) > 1 || b.Protocols[0].First != b.Protocols[0].Last:
		protocols = "protocols " + protocols
	case protocols[0] >= '0' && protocols[0] <= '9':
		protocols = "protocol " + protocols
	}
	text := protocols
	if len(b.Ports) > 0 {
		text += " " + listInBrief(rangeTexts(b.Ports, portText), shown)
	}
	if len(b.SourcePorts) > 0 {
		text += " with source port " + listInBrief(rangeTexts(b.SourcePorts, portText), shown)
	}
	types := make([]string, len(b.ICMP))
	for i, r := range b.ICMP {
		types[i] = rangesText([]policy.Range{r.Types}, portText)
		if r.Codes != (policy.Range{First: 0, Last: 255}) {
			types[i] += " code " + rangesText([]policy.Range{r.Codes}, portText)
		}
	}
	if len(types) > 0 {
		text += " type " + listInBrief(types, shown)
	}
	return text
}

func portText(n uint16) string { return strconv.Itoa(int(n)) }

func protocolText(n uint16) string {
	for _, name := range v3.ProtocolNames() {
		if number, ok := v3.ProtocolNumber(name); ok && uint16(number) == n {
			return name
		}
	}
	return strconv.Itoa(int(n))
}

// listInBrief is the first few parts, and in parentheses how many more there are.
func listInBrief(parts []string, shown int) string {
	if len(parts) <= shown {
		return strings.Join(parts, ",")
	}
	return strings.Join(parts[:shown], ",") + " (" + strings.TrimSpace(andMore(len(parts)-shown)) + ")"
}

// andMore says how many more there are, if there are any.
func andMore(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

func rangesText(ranges []policy.Range, text func(uint16) string) string {
	return strings.Join(rangeTexts(ranges, text), ",")
}

func rangeTexts(ranges []policy.Range, text func(uint16) string) []string {
	parts := make([]string, len(ranges))
	for i, r := range ranges {
		parts[i] = text(r.First)
		if r.Last != r.First {
			parts[i] += "-" + text(r.Last)
		}
	}
	return parts
}

// doorWords names an interface as the engine does: one, the one that has an address, those of several nodes that
// have their addresses, or all that have no endpoint of their own.
func doorWords(name string) string {
	if name == v3.AllInterfaces {
		return "other interfaces"
	}
	if name == "@" {
		return "the interfaces with their expected addresses"
	}
	if address, ok := strings.CutPrefix(name, "@"); ok {
		return "the interface with " + address
	}
	return name
}

func doorsWords(names []string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = doorWords(name)
	}
	if len(parts) > 1 && names[0] == v3.AllInterfaces { // which sorts first, and reads best at the end
		parts = append(parts[1:], parts[0])
	}
	return strings.Join(parts, ", ")
}

// shownNodes is how many nodes are named one by one.
const shownNodes = 3

// nodes names a group of nodes, which are sorted.
func (w *words) nodes(names []string) string {
	masters, known := 0, true
	for _, name := range names {
		if w.cluster.masters[name] {
			masters++
		}
		known = known && w.cluster.knows(name)
	}
	what := ""
	switch {
	case len(names) == 1:
		return names[0]
	case known && len(names) == len(w.cluster.nodes):
		return fmt.Sprintf("all %d nodes", len(names))
	case masters == len(names) && masters == len(w.cluster.masters):
		return fmt.Sprintf("all %d nodes of the control plane", len(names))
	case masters == len(names):
		what = "the control plane: "
	case known && masters == 0 && len(w.cluster.masters) > 0 && len(names) == len(w.cluster.nodes)-len(w.cluster.masters):
		return fmt.Sprintf("all %d nodes outside the control plane", len(names))
	}
	shown := strings.Join(names[:min(len(names), shownNodes)], ", ")
	if len(names) > shownNodes {
		shown += fmt.Sprintf(" and %d more", len(names)-shownNodes)
	}
	return fmt.Sprintf("%d nodes (%s%s)", len(names), what, shown)
}

// knows tells whether there is a node of that name: host endpoints may be on others.
func (c *cluster) knows(name string) bool {
	_, found := slices.BinarySearchFunc(c.nodes, name, func(n *v3.Node, name string) int { return strings.Compare(n.Name, name) })
	return found
}

// decision says what decided about a flow, in a few words.
func (w *world) decision(e *policy.Engine, f policy.Flow, d policy.Decision) string {
	if d.By == policy.ByTier {
		if names := applied(e, f, d); names != "" {
			return fmt.Sprintf("no rule of %s allows it, and tier %s ends there", names, d.Tier)
		}
	}
	if d.Rule == nil {
		return d.Why
	}
	text := ruleText(*d.Rule)
	if at := w.where(d.Rule.Object, fmt.Sprintf("spec.%s[%d]", d.Rule.Direction, d.Rule.Index)); at != "" {
		text += " (" + at + ")"
	}
	return text
}

// ruleText names a rule: "GlobalNetworkPolicy(web) ingress[2]".
func ruleText(r policy.RuleRef) string {
	if r.Object == nil {
		return fmt.Sprintf("built-in failsafe port, %s[%d]", r.Direction, r.Index)
	}
	key, _ := resources.KeyOf(r.Object)
	return fmt.Sprintf("%s %s[%d]", key, r.Direction, r.Index)
}

// shownPolicies is how many policies are named one by one.
const shownPolicies = 4

// applied names the policies that a flow came by in the tier that decided about it.
func applied(e *policy.Engine, f policy.Flow, d policy.Decision) string {
	trace, err := e.Trace(f)
	if err != nil {
		return ""
	}
	var names []string
	for _, host := range trace.Hosts {
		for _, stage := range host.Stages {
			for _, list := range stage.Lists {
				if host.Node == d.Node && stage.Stage == d.Stage && stage.Direction == d.Direction && list.By == policy.ByPolicy && list.Tier == d.Tier {
					names = append(names, list.Object.GetName())
				}
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	names = slices.Compact(names)
	text := "GlobalNetworkPolicy " + strings.Join(names[:min(len(names), shownPolicies)], ", ")
	if len(names) > shownPolicies {
		text += fmt.Sprintf(" and %d more", len(names)-shownPolicies)
	}
	return text
}

// cell is text for a cell of a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(output.EscapeLines(text))
}
