package commands

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

// Further values of --output.
const (
	formatWide = "wide"
	formatCSV  = "csv"
)

var connectivityFormats = []string{formatText, formatWide, formatJSON, formatCSV, formatMarkdown}

type connectivityOptions struct {
	deps   *Deps
	global *globalOptions
	questionFlags
	to     string
	from   string
	format string
}

func newConnectivity(d *Deps, g *globalOptions) *cobra.Command {
	o := &connectivityOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "connectivity [--to NODE|SELECTOR] [--from CIDR]",
		Short: "Show who may reach which ports of which nodes",
		Long: `Show what the nodes accept: for each class of nodes that the same policies apply to, which protocols and ports are open, and to whom. With -o wide, csv and json also what they may send, what they may send themselves, and what may pass through them.

What is open at some of a node's own addresses only is listed with these. What depends on facts that no object here has is listed as unknown. An interface at which all is closed is listed too, in json and csv with the verdict deny.
` + exitStatus,
		Example: `  calicoctl connectivity
  calicoctl connectivity --to "has(node-role.kubernetes.io/control-plane)" --from 198.51.100.0/24
  calicoctl connectivity -f manifests/ --base none -o csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			return runConnectivity(cmd.Context(), o)
		},
	}
	o.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.to, "to", "", "show one `node`, or those whose labels match a selector")
	flags.StringVar(&o.from, "from", "", "show what is open to this `network` or address")
	flags.StringVarP(&o.format, "output", "o", formatText, "the format: "+strings.Join(connectivityFormats, ", "))
	complete(cmd, "output", connectivityFormats)
	return cmd
}

func (o *connectivityOptions) complete(args []string) error {
	if !slices.Contains(connectivityFormats, o.format) {
		return fmt.Errorf("unknown output format %q; write %s", o.format, strings.Join(connectivityFormats, ", "))
	}
	if len(args) > 0 && len(o.files) == 0 {
		return fmt.Errorf("unknown argument %q; write --to %[1]s for a node", args[0])
	}
	return o.check(o.deps, args)
}

// connection is one line of the answer: a service of a class of nodes, and who may use it.
type connection struct {
	Nodes []string `json:"nodes"`
	// Labels are those that all endpoints of the class have in common.
	Labels map[string]string `json:"labels,omitempty"`
	// Interfaces are those of the nodes that are meant, * for all without an endpoint of their own; none where there are
	// none to tell apart.
	Interfaces []string `json:"interfaces,omitempty"`
	// Protected tells whether a host endpoint governs the traffic.
	Protected bool        `json:"protected"`
	Path      policy.Path `json:"path"`
	// Loopback tells, on the path local, that the loopback addresses are meant, and not the node's others.
	Loopback bool `json:"loopback,omitempty"`
	// Verdict is allow or unknown, and deny where nothing is open at all.
	Verdict policy.Verdict `json:"verdict"`
	Service string         `json:"service"`
	Peers   string         `json:"peers"`
	// Box is made of the outline where it is shown.
	Box     policy.Box `json:"box"`
	outline policy.Outline
	// nothing tells that nothing is open there.
	nothing bool
}

func runConnectivity(ctx context.Context, o *connectivityOptions) error {
	var within policy.Box
	if o.from != "" {
		network, err := parseNetwork(o.from)
		if err != nil {
			return err
		}
		within.Sources = []netip.Prefix{network}
	}
	_, world, err := o.worlds(ctx, o.deps, o.global)
	if err != nil {
		return err
	}
	wanted, err := world.nodesNamed(o.to)
	if err != nil {
		return err
	}
	if wanted != nil && !slices.ContainsFunc(world.nodeNames(), wanted) {
		return fmt.Errorf("--to: the selector %s matches no node", o.to)
	}
	c := newCluster(world)
	engine := o.deps.engine(ctx, world)
	w := newWords(c, engine.Space())
	query := policy.Query{Paths: []policy.Path{policy.Input}, Nodes: wanted, Within: []policy.Box{within}}
	switch {
	case o.format == formatText || o.format == formatMarkdown:
	case o.from != "": // which is about others
		query.Paths = append(query.Paths, policy.Forward)
	default:
		query.Paths = append(query.Paths, policy.Output, policy.Local, policy.Forward)
	}
	var found []connection
	for _, class := range engine.Connections(query) {
		found = append(found, w.connections(class, wanted, within)...)
	}
	if o.format == formatJSON {
		writeOut(found)
	}
	if err := cannotTell(engine); err != nil {
		return err
	}
	if !slices.ContainsFunc(found, func(c connection) bool { return !c.nothing }) {
		o.deps.say("nothing is open there, or there are no nodes")
	}
	return o.print(w, found)
}

// writeOut gives connections all of their data.
func writeOut(found []connection) {
	for i := range found {
		if c := &found[i]; !c.nothing {
			c.Box = c.outline.Box()
		}
	}
}

// parseNetwork reads a network or a single address.
func parseNetwork(text string) (netip.Prefix, error) {
	network, err := unmaskedNetwork(text)
	if err == nil && network != network.Masked() {
		err = fmt.Errorf("%q has host bits set; write %s", text, network.Masked())
	}
	return network, err
}

// unmaskedNetwork reads a network whose host bits may be set.
func unmaskedNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	}
	const mapped = 128 - 32 // bits before an IPv4 address that is written as IPv6
	if a := network.Addr(); a.Is4In6() && network.Bits() >= mapped {
		network = netip.PrefixFrom(a.Unmap(), network.Bits()-mapped)
	}
	return network, nil
}

// nodesNamed tells which nodes are meant by a name, or by a selector for the labels of nodes and of their endpoints;
// nil stands for all.
func (w *world) nodesNamed(text string) (func(string) bool, error) {
	if text == "" {
		return nil, nil
	}
	names := w.nodeNames()
	if slices.Contains(names, text) {
		return func(name string) bool { return name == text }, nil
	}
	expression, err := selector.Parse(text)
	if err != nil {
		problem := fmt.Sprintf("there is no node %s, and it is no selector", text)
		if near, ok := resources.Nearest(text, names); ok {
			problem += "; did you mean " + near + "?"
		}
		return nil, fmt.Errorf("%s", problem)
	}
	meant := map[string]bool{}
	for _, node := range ofKind[*v3.Node](w, resources.Node) {
		meant[node.Name] = meant[node.Name] || expression.Evaluate(selector.Map(node.Labels))
	}
	for _, h := range ofKind[*v3.HostEndpoint](w, resources.HostEndpoint) {
		meant[h.Spec.Node] = meant[h.Spec.Node] || expression.Evaluate(selector.Map(h.Labels))
	}
	return func(name string) bool { return meant[name] }, nil
}

// nodeNames are the nodes, and those that host endpoints are on.
func (w *world) nodeNames() []string {
	names := map[string]bool{}
	for _, node := range ofKind[*v3.Node](w, resources.Node) {
		names[node.Name] = true
	}
	for _, h := range ofKind[*v3.HostEndpoint](w, resources.HostEndpoint) {
		names[h.Spec.Node] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// connections are what is open on a path of a class, of what was asked about.
func (w *words) connections(c policy.Connection, wanted func(string) bool, within policy.Box) []connection {
	nodes := slices.Clone(c.Class.Nodes)
	if wanted != nil {
		nodes = slices.DeleteFunc(nodes, func(name string) bool { return !wanted(name) })
	}
	if len(nodes) == 0 {
		return nil
	}
	of := connection{
		Nodes: nodes, Labels: c.Class.Labels(), Interfaces: c.Interfaces, Protected: len(c.Class.Endpoints) > 0, Path: c.Path, Loopback: c.Loopback,
	}
	if c.Allowed.Empty() && c.Unknown.Empty() {
		of.nothing, of.Verdict, of.Service, of.Box = true, policy.Denied, service(of.Box), within
		of.Peers = w.peers(w.space.Outline(of.Box), c.Path)
		return []connection{of}
	}
	var all []connection
	for _, part := range []struct {
		verdict policy.Verdict
		set     policy.Set
	}{{policy.Allowed, c.Allowed}, {policy.Unknown, c.Unknown}} {
		for _, box := range w.open(part.set) {
			one := of
			one.Verdict, one.Service, one.Peers, one.outline = part.verdict, service(box.Service), w.peers(box, c.Path)+itself(box, c), box
			all = append(all, one)
		}
	}
	return all
}

// open are the boxes of a set.
func (w *words) open(set policy.Set) []policy.Outline {
	return withoutFamilies(set.Outlines())
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// withoutFamilies makes one box of two that differ in nothing but the family.
func withoutFamilies(boxes []policy.Outline) []policy.Outline {
	var out []policy.Outline
	alike := map[string]int{} // where a box of one family is, by what else it says
	for _, box := range boxes {
		if !box.Sources.All() || !box.Destinations.All() { // which are of the family
			out = append(out, box)
			continue
		}
		rest := box.Service
		rest.IPVersion = 0
		key := fmt.Sprint(rest)
		at, found := alike[key]
		switch {
		case box.Service.IPVersion == 0:
		case found && out[at].Service.IPVersion == 4+6-box.Service.IPVersion:
			out[at].Service.IPVersion = 0
			continue
		default:
			alike[key] = len(out)
		}
		out = append(out, box)
	}
	return out
}

// peers names the other end of a box, and the own addresses that it is restricted to.
func (w *words) peers(b policy.Outline, path policy.Path) string {
	switch path {
	case policy.Local:
		return strings.Replace(anywhere(b.Service.IPVersion), "anywhere", "the node itself", 1) + own(" as ", b.Sources) + own(", at ", b.Destinations)
	case policy.Output:
		return w.addresses(b.Destinations, b.Service.IPVersion) + own(", from ", b.Sources)
	case policy.Forward:
		return w.addresses(b.Sources, b.Service.IPVersion) + " to " + w.addresses(b.Destinations, b.Service.IPVersion)
	default:
		return w.addresses(b.Sources, b.Service.IPVersion) + own(", at ", b.Destinations)
	}
}

// own names some of a node's own addresses, and nothing if all are meant, or all but those that it has of itself alone.
func own(preposition string, addresses policy.Addresses) string {
	if addresses.All() {
		return ""
	}
	if rest, ok := addresses.Rest(); ok && !slices.ContainsFunc(rest.Prefixes(), func(p netip.Prefix) bool { return !p.Addr().IsLoopback() }) {
		return ""
	}
	return preposition + networksOf(addresses)
}

// itself says at which of its addresses a node reaches itself.
func itself(b policy.Outline, c policy.Connection) string {
	switch {
	case c.Path != policy.Local || !b.Destinations.All(): // which peers names
		return ""
	case c.Loopback:
		return ", over loopback"
	default:
		return ", at its own address"
	}
}
