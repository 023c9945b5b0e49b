package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

var traceFormats = []string{formatText, formatJSON}

type traceOptions struct {
	deps   *Deps
	global *globalOptions
	questionFlags
	question flowQuestion
	protocol string
	path     string
	format   string
	flows    string
	fix      bool
}

func newTrace(d *Deps, g *globalOptions) *cobra.Command {
	o := &traceOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "trace (--from END --to END --protocol PROTOCOL [--port PORT] | --flows FILE)",
		Short: "Explain what becomes of a connection, and why",
		Long: `Follow a new connection, or a packet of a protocol without them, through the policies of every node that has one of its ends, and explain the verdict: each stage, tier, policy and profile that was asked, and the rule that decided. For a rule that did not match, the fields are shown that kept it from that; of a long list, only the rules that a single field kept. Where the packet is allowed, and its answer would be dropped, that is said, too.

An end is an address, the name of a node (node/NAME where it would be taken for something else), hep/NAME for a host endpoint, or internet for all public addresses that no node has. A node and a host endpoint stand for all their addresses of one IP version, which is 4 where both ends have it, but not for those of tunnels. Where the addresses are not of one verdict, it is unknown, and shown for each part of them. What is left out is derived where it can be; where it cannot and matters, the verdict is unknown, with the reason.

With --fix, show the change of policy that turns the verdict and changes as little other traffic as possible.

With --flows, read a JSON object from each line of a file, or of standard input if it is -, and answer each with a line of JSON, in the same order. The fields of a question are node, path, from, to, in, out, ipVersion, protocol, port, sourcePort, icmpType, icmpCode, dnatTo and dnatPort. All but from, to and protocol may be left out. With node, that node alone judges. A line that cannot be answered is unknown, with the reason, and the exit status is 1. A rule counts from 0 in the list of its direction.
` + exitStatus,
		Example: `  calicoctl trace --from 10.0.0.9 --to node1 --protocol tcp --port 10250
  calicoctl trace --from node1 --to node1 --protocol tcp --port 9099 --fix
  calicoctl trace --from internet --to hep/node1-eth0 --protocol icmp --icmp-type 8 -o json
  calicoctl trace -f manifests/ --base none --flows flows.jsonl -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(cmd, args); err != nil {
				return err
			}
			return runTrace(cmd.Context(), o)
		},
	}
	o.add(cmd)
	o.addFlow(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.flows, "flows", "", "answer the questions in this `file`, one JSON object in each line")
	flags.BoolVar(&o.fix, "fix", false, "show the smallest change of policy that turns the verdict")
	flags.StringVarP(&o.format, "output", "o", formatText, "the format: "+strings.Join(traceFormats, ", ")+"; with --flows always json")
	complete(cmd, "output", traceFormats)
	return cmd
}

// addFlow adds the flags that say which flow is meant.
func (o *traceOptions) addFlow(cmd *cobra.Command) {
	q, flags := &o.question, cmd.Flags()
	flags.StringVar(&q.From, "from", "", "the `end` that the connection comes from")
	flags.StringVar(&q.To, "to", "", "the `end` that it goes to")
	flags.StringVar(&o.protocol, "protocol", "", "the protocol: a name such as TCP, or a number")
	flags.Var(numberFlag[uint16]{&q.Port}, "port", "the destination port")
	flags.Var(numberFlag[uint16]{&q.SourcePort}, "source-port", "the source port")
	flags.Var(numberFlag[uint8]{&q.ICMPType}, "icmp-type", "the type of an ICMP message")
	flags.Var(numberFlag[uint8]{&q.ICMPCode}, "icmp-code", "the code of an ICMP message")
	flags.IntVar(&q.IPVersion, "ip-version", 0, "4 or 6, where the ends have both")
	flags.StringVar(&q.Node, "node", "", "the one `node` that judges")
	flags.StringVar(&o.path, "path", "", "the way past that node: input, output, local, forward, dnat-forward or dnat-local")
	flags.StringVar(&q.In, "in", "", "the `interface` that the packet comes in by")
	flags.StringVar(&q.Out, "out", "", "the `interface` that it goes out by")
	flags.StringVar(&q.DNATTo, "dnat-to", "", "the `end` that the destination is rewritten to")
	flags.Var(numberFlag[uint16]{&q.DNATPort}, "dnat-port", "the port that it is rewritten to")
}

// numberFlag is a flag for a number that may be left out.
type numberFlag[T uint8 | uint16] struct{ to **T }

func (n numberFlag[T]) String() string {
	if n.to == nil || *n.to == nil {
		return ""
	}
	return strconv.Itoa(int(**n.to))
}

func (n numberFlag[T]) Type() string { return "number" }

func (n numberFlag[T]) Set(text string) error {
	limit := uint64(^T(0))
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || number > limit {
		return fmt.Errorf("write a number from 0 to %d", limit)
	}
	*n.to = new(T(number))
	return nil
}

func (o *traceOptions) complete(cmd *cobra.Command, args []string) error {
	switch {
	case !slices.Contains(traceFormats, o.format):
		return fmt.Errorf("unknown output format %q; write %s", o.format, strings.Join(traceFormats, ", "))
	case len(args) > 0 && len(o.files) == 0:
		return fmt.Errorf("unknown argument %q; write --to %[1]s for where a connection goes", args[0])
	}
	if err := o.check(o.deps, args); err != nil {
		return err
	}
	if o.flows != "" {
		return o.completeFlows(cmd)
	}
	if o.question.From == "" || o.question.To == "" || o.protocol == "" {
		return errors.New("say which connection: write --from, --to and --protocol, or --flows FILE")
	}
	var err error
	o.question.Path = policy.Path(o.path)
	o.question.Protocol, err = protocolNamed(o.protocol)
	return err
}

func (o *traceOptions) completeFlows(cmd *cobra.Command) error {
	for _, name := range []string{"from", "to", "protocol", "port", "fix"} {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("give either --flows or --%s, not both", name)
		}
	}
	if cmd.Flags().Changed("output") && o.format != formatJSON {
		return errors.New("the answers to --flows are JSON: write -o json, or nothing")
	}
	if o.flows == stdinName && slices.Contains(o.files, stdinName) {
		return errors.New("--flows - and -f - both want standard input, which can be read only once")
	}
	return nil
}

// stdinName stands for standard input in place of a file.
const stdinName = "-"

// protocolNamed reads a protocol, in any letter case.
func protocolNamed(text string) (v3.Protocol, error) {
	for _, name := range v3.ProtocolNames() {
		if strings.EqualFold(name, text) {
			return v3.Protocol{Name: name}, nil
		}
	}
	p := v3.ProtocolFromString(text)
	if p.Number() == 0 {
		return p, fmt.Errorf("protocol %q is not known: write %s or a number from 1 to 255", text, strings.Join(v3.ProtocolNames(), ", "))
	}
	return p, nil
}

func runTrace(ctx context.Context, o *traceOptions) error {
	_, world, err := o.worlds(ctx, o.deps, o.global)
	if err != nil {
		return err
	}
	t := newTracer(ctx, o.deps, world)
	if o.flows != "" {
		return o.answerFlows(ctx, t)
	}
	flow, err := t.ends.flow(o.question)
	if err != nil {
		return err
	}
	for _, word := range []string{o.question.From, o.question.To, o.question.DNATTo} {
		if text := t.ends.shadowed(word); text != "" {
			o.deps.warn(text)
		}
	}
	parts, err := t.parts(o.question, flow, t.engine.Trace)
	if err != nil {
		return err
	}
	for i := range parts {
		t.noteUnused(o.deps, o.question, parts[i].trace)
		t.noteLocal(o.deps, o.question, parts[i].trace)
		if parts[i].verdict != policy.Allowed {
			t.noteTunnel(o.deps, parts[i].trace.Flow)
		}
	}
	var mended *fix
	if o.fix {
		mended = t.fix(o.question, parts)
	}
	if o.format == formatJSON {
		answer := t.fullAnswer(flow, parts)
		answer.Fix = mended
		encoder := json.NewEncoder(o.deps.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(answer)
	}
	text := t.explanationOf(o.question, flow, parts)
	if mended != nil {
		text += "\n" + mended.String()
	}
	_, err = io.WriteString(o.deps.Out, text)
	return err
}

// tracer follows flows through a world.
type tracer struct {
	world  *world
	engine *policy.Engine
	ends   *ends
	// strangers are the packets of the internet, by the ends that are there.
	strangers map[policy.Ends]policy.Set
	// ended are the texts for decisions that no rule made, which are the same for many flows.
	ended map[policy.Decision]string
}

func newTracer(ctx context.Context, d *Deps, w *world) *tracer {
	engine := d.engine(ctx, w)
	return &tracer{world: w, engine: engine, ends: newEnds(w, engine), ended: map[policy.Decision]string{}, strangers: map[policy.Ends]policy.Set{}}
}

// noteUnused says when the host endpoint that was asked about has no part in the answer.
func (t *tracer) noteUnused(d *Deps, q flowQuestion, trace policy.Trace) {
	for _, end := range []string{q.From, q.To} {
		name, ok := strings.CutPrefix(end, hepPrefix)
		if !ok {
			continue
		}
		used := false
		for _, host := range trace.Hosts {
			used = used || slices.ContainsFunc(host.Stages, func(s policy.StageTrace) bool {
				return s.Endpoint != nil && s.Endpoint.Name == name
			})
		}
		if !used {
			d.warn(fmt.Sprintf("HostEndpoint(%s) does not govern this connection; what does is shown", name))
		}
	}
}

// noteLocal says when an interface is given for what a node sends to itself.
func (t *tracer) noteLocal(d *Deps, q flowQuestion, trace policy.Trace) {
	local := slices.ContainsFunc(trace.Hosts, func(h policy.HostTrace) bool { return h.Path == policy.Local })
	if local && (q.In != "" && q.In != "lo" || q.Out != "" && q.Out != "lo") {
		d.warn("a node sends this to itself, which takes the interface lo and no other: --in and --out say nothing about it")
	}
}

// noteTunnel says that policy is not all that counts for a tunnel between nodes.
func (t *tracer) noteTunnel(d *Deps, f policy.Flow) {
	from, to := netip.PrefixFrom(f.From, f.From.BitLen()), netip.PrefixFrom(f.To, f.To.BitLen())
	all := t.ends.cluster.of(false)
	if !slices.Contains(all, from) || !slices.Contains(all, to) {
		return
	}
	for _, flow := range networkFlows() {
		fits := flow.ports == nil || f.Port != nil && slices.ContainsFunc(flow.ports, func(r policy.Range) bool { return r.First == *f.Port })
		if flow.excepted && flow.protocol == uint16(f.Protocol.Number()) && fits {
			d.warn(fmt.Sprintf("this is %s between nodes: where it is in use, the agent lets it pass before it asks normal policies; see docs/policy.md", flow.name))
		}
	}
}
