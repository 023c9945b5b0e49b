package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/output"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Further values of --output.
const (
	formatTable = "ps"
	formatYAML  = "yaml"
)

var planFormats = []string{formatTable, formatWide, formatYAML, formatJSON}

type controllerPlanOptions struct {
	deps   *Deps
	global *globalOptions
	config string
	format string

	namespace string
}

func newControllerPlan(d *Deps, g *globalOptions) *cobra.Command {
	o := &controllerPlanOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what the controller would write, and why",
		Long: `Show which automatic host endpoints the controller would create, update and delete, and why. Nothing is written. The environment of this command counts; if a controller works with another one, there is a warning.

Exit status:
  0    nothing would be written: everything is in step
  1    could not do it; standard error says why
  3    something would be written
  130  interrupted`,
		Example: `  calicoctl controller plan
  calicoctl controller plan -o wide
  calicoctl controller plan -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(o.format, planFormats, args); err != nil {
				return err
			}
			return runControllerPlan(cmd.Context(), o)
		},
	}
	addConfigFlag(cmd, &o.config)
	cmd.Flags().StringVarP(&o.format, "output", "o", formatTable, "the format: "+strings.Join(planFormats, ", "))
	addNamespaceFlag(cmd, &o.namespace)
	complete(cmd, "output", planFormats)
	return cmd
}

// checkFormat refuses arguments, and formats that a command does not have.
func checkFormat(format string, formats, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	if !slices.Contains(formats, format) {
		return fmt.Errorf("unknown output format %q; write %s", format, strings.Join(formats, ", "))
	}
	return nil
}

// plannedChange is one change that the controller would make.
type plannedChange struct {
	// Action is create, update or delete.
	Action string `json:"action"`
	Name   string `json:"name"`
	Node   string `json:"node"`
	Why    string `json:"why"`
	// Endpoint is the host endpoint as it would be, or as it is if it would be deleted.
	Endpoint *v3.HostEndpoint `json:"endpoint"`
}

func runControllerPlan(ctx context.Context, o *controllerPlanOptions) error {
	s, r, environment, err := controllerReading(ctx, o.deps, o.global, o.config)
	if err != nil {
		return err
	}
	defer s.close()
	s.warnOfOther(s.live(ctx, o.deps.leaseNamespace(o.namespace), r.Configuration), environment)
	for _, p := range r.Problems {
		o.deps.warn(p.Text)
	}
	planned := plannedChanges(r)
	if err := o.print(planned); err != nil {
		return err
	}
	switch {
	case len(planned) > 0:
		return answerNo("")
	case !r.Settings.Active:
		o.deps.say("The configuration, or ENABLED_CONTROLLERS, leaves the node controller off: everything stays as it is.")
	}
	return nil
}

// plannedChanges are the changes of a plan in order: first what protects, then what does not any more.
func plannedChanges(r *controller.Reading) []plannedChange {
	stored := map[string]*v3.HostEndpoint{}
	for _, h := range r.Endpoints {
		stored[h.Name] = h
	}
	known := map[string]bool{}
	for _, n := range r.Nodes {
		known[n.Name] = true
	}
	planned := []plannedChange{}
	add := func(op datastore.ChangeOp, endpoints []*v3.HostEndpoint, why func(*v3.HostEndpoint) string) {
		for _, h := range endpoints {
			planned = append(planned, plannedChange{Action: string(op), Name: h.Name, Node: h.Spec.Node, Why: why(h), Endpoint: h})
		}
	}
	add(datastore.ChangeCreate, r.Changes.Create, func(*v3.HostEndpoint) string { return "it is not there" })
	add(datastore.ChangeUpdate, r.Changes.Update, func(h *v3.HostEndpoint) string { return whatDiffers(stored[h.Name], h) })
	add(datastore.ChangeDelete, r.Changes.Delete, func(h *v3.HostEndpoint) string {
		return whySuperfluous(r.Settings.Endpoints, known[h.Spec.Node])
	})
	return planned
}

func whySuperfluous(config autohep.Config, nodeKnown bool) string {
	switch {
	case !config.AutoCreate:
		return "automatic host endpoints are switched off"
	case !nodeKnown:
		return "there is no such node"
	}
	return "neither a template nor the default asks for it"
}

// whatDiffers says in which fields an endpoint is to change, and how.
func whatDiffers(before, after *v3.HostEndpoint) string {
	parts := slices.Concat(
		mapDifference("label ", before.Labels, after.Labels),
		mapDifference("annotation ", before.Annotations, after.Annotations))
	for _, f := range []struct{ name, before, after string }{
		{"node", before.Spec.Node, after.Spec.Node},
		{"interfaceName", before.Spec.InterfaceName, after.Spec.InterfaceName},
		{"expectedIPs", strings.Join(before.Spec.ExpectedIPs, ","), strings.Join(after.Spec.ExpectedIPs, ",")},
		{"profiles", strings.Join(before.Spec.Profiles, ","), strings.Join(after.Spec.Profiles, ",")},
		{"ports", strconv.Itoa(len(before.Spec.Ports)), strconv.Itoa(len(after.Spec.Ports))},
	} {
		if f.before != f.after {
			parts = append(parts, f.name+" "+orNone(f.before)+" -> "+orNone(f.after))
		}
	}
	return strings.Join(parts, "; ")
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func mapDifference(what string, before, after map[string]string) []string {
	var parts []string
	all := maps.Clone(before)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, after)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		was, had := before[key]
		is, has := after[key]
		switch {
		case had && !has:
			parts = append(parts, fmt.Sprintf("%s%s removed", what, key))
		case !had:
			parts = append(parts, fmt.Sprintf("%s%s=%s added", what, key, is))
		case was != is:
			parts = append(parts, fmt.Sprintf("%s%s %s -> %s", what, key, orNone(was), orNone(is)))
		}
	}
	return parts
}

func (o *controllerPlanOptions) print(planned []plannedChange) error {
	if o.format == formatYAML || o.format == formatJSON {
		return printStructured(o.deps, o.format, map[string]any{"changes": planned})
	}
	table := output.Table{Header: []string{"ACTION", "HOSTENDPOINT", "NODE", "WHY"}}
	if o.format == formatWide {
		table.Header = append(table.Header, "INTERFACE", "IPS")
	}
	for _, p := range planned {
		row := []string{p.Action, p.Name, p.Node, p.Why}
		if o.format == formatWide {
			row = append(row, p.Endpoint.Spec.InterfaceName, strings.Join(p.Endpoint.Spec.ExpectedIPs, ","))
		}
		table.Rows = append(table.Rows, row)
	}
	return table.Render(o.deps.Out)
}
