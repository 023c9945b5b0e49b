package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/output"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

var statusFormats = []string{formatTable, formatYAML, formatJSON}

type controllerStatusOptions struct {
	deps      *Deps
	global    *globalOptions
	config    string
	format    string
	namespace string
}

func newControllerStatus(d *Deps, g *globalOptions) *cobra.Command {
	o := &controllerStatusOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show whether every node is protected, and since when",
		Long: `Show, from the datastore alone, whether the automatic host endpoints are in step, and for each node since when it is protected by endpoints as they should be, how long that took from when the node was made, its automatic endpoints, and what is in the way. While a controller works, the environment that it runs with counts, and not that of this command; and what is not in step, if it is little, is looked at again after a second: what then still is not is a problem.

Exit status:
  0    everything is in step, without problems
  1    could not do it; standard error says why
  3    something is not in step, or has a problem
  130  interrupted`,
		Example: `  calicoctl controller status
  calicoctl controller status -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(o.format, statusFormats, args); err != nil {
				return err
			}
			return runControllerStatus(cmd.Context(), o)
		},
	}
	addConfigFlag(cmd, &o.config)
	cmd.Flags().StringVarP(&o.format, "output", "o", formatTable, "the format: "+strings.Join(statusFormats, ", "))
	addNamespaceFlag(cmd, &o.namespace)
	complete(cmd, "output", statusFormats)
	return cmd
}

// Values of environmentOf.
const (
	environmentOfController = "controller"
	environmentHere         = "command"
)

// controllerStatus is what there is to say of automatic host endpoints.
type controllerStatus struct {
	// AutoCreate is Enabled or Disabled, as the configuration and the environment say; Off if no controller is to work.
	AutoCreate string `json:"autoCreate"`
	InStep     bool   `json:"inStep"`
	// Create, Update and Delete count what is not in step.
	Create int `json:"create"`
	Update int `json:"update"`
	Delete int `json:"delete"`
	// Deleting counts automatic endpoints that are being deleted, and wait for their finalizers.
	Deleting int `json:"deleting"`
	// Controller is the identity of the one that works, if it can be told.
	Controller string `json:"controller,omitempty"`
	// EnvironmentVars are the variables that override the configuration, and EnvironmentOf whose they are.
	EnvironmentVars map[string]string `json:"environmentVars"`
	EnvironmentOf   string            `json:"environmentOf"`
	// Problems are those that concern no one node.
	Problems []string     `json:"problems"`
	Nodes    []nodeStatus `json:"nodes"`
}

// nodeStatus is what there is to say of one node.
type nodeStatus struct {
	Name string `json:"name"`
	// InStep tells that nothing would be written for the node, and no problem keeps it from an endpoint that it needs.
	InStep bool `json:"inStep"`
	// ProtectedSince is when the oldest was made of those of its automatic endpoints that are as they should be, but
	// for labels and the like; nil if there is none.
	ProtectedSince *time.Time `json:"protectedSince"`
	// SecondsToProtect is the time between the making of the node and of that endpoint, if it was not there before.
	SecondsToProtect *float64 `json:"secondsToProtect"`
	Endpoints        []string `json:"endpoints"`
	Problems         []string `json:"problems"`
}

func runControllerStatus(ctx context.Context, o *controllerStatusOptions) error {
	s, r, environment, err := controllerReading(ctx, o.deps, o.global, o.config)
	if err != nil {
		return err
	}
	defer s.close()
	live := s.live(ctx, o.deps.leaseNamespace(o.namespace), r.Configuration)
	if live.environment != nil {
		environment = live.environment
		r = r.Under(environment)
		if r, err = s.lookAgain(ctx, r, environment, live.identity); err != nil {
			return err
		}
	}
	status := statusOf(r)
	status.Controller, status.EnvironmentVars = live.identity, environment.Variables()
	status.EnvironmentOf = environmentHere
	if live.environment != nil {
		status.EnvironmentOf = environmentOfController
	}
	if o.format == formatTable {
		err = o.deps.printStatus(status)
	} else {
		err = printStructured(o.deps, o.format, status)
	}
	if err == nil && (!status.InStep || len(r.Problems) > 0) {
		return answerNo("")
	}
	return err
}

func statusOf(r *controller.Reading) controllerStatus {
	status := controllerStatus{
		AutoCreate: v3.Disabled, InStep: r.Changes.Empty(), Problems: []string{}, Nodes: []nodeStatus{},
		Create: len(r.Changes.Create), Update: len(r.Changes.Update), Delete: len(r.Changes.Delete),
	}
	switch {
	case !r.Settings.Active:
		status.AutoCreate = "Off"
	case r.Settings.Endpoints.AutoCreate:
		status.AutoCreate = v3.Enabled
	}
	changing := map[string]bool{}
	for _, h := range slices.Concat(r.Changes.Create, r.Changes.Update, r.Changes.Delete) {
		changing[h.Spec.Node] = true
	}
	unwanted := unwanted(r)
	problems := map[string][]string{}
	for _, p := range r.Problems {
		problems[p.Node] = append(problems[p.Node], p.Text)
		if p.Node != "" && p.Endpoint != "" { // which is needed, and cannot be written
			status.InStep, changing[p.Node] = false, true
		}
	}
	status.Problems = append(status.Problems, problems[""]...)
	on := map[string][]*v3.HostEndpoint{}
	for _, h := range r.Endpoints {
		if autohep.Owned(h) {
			on[h.Spec.Node] = append(on[h.Spec.Node], h)
			if autohep.Leaving(h) {
				status.Deleting++
				status.InStep, changing[h.Spec.Node] = false, true
			}
		}
	}
	for _, n := range r.Nodes {
		one := nodeStatus{Name: n.Name, InStep: !changing[n.Name], Endpoints: []string{}, Problems: append([]string{}, problems[n.Name]...)}
		for _, h := range on[n.Name] {
			one.Endpoints = append(one.Endpoints, h.Name)
			if !unwanted[h.Name] {
				one.protectedBy(n, h)
			}
		}
		status.Nodes = append(status.Nodes, one)
	}
	for _, name := range r.UnreadNodes() {
		status.InStep = false
		one := nodeStatus{Name: name, Endpoints: []string{}, Problems: append([]string{}, problems[name]...)}
		for _, h := range on[name] {
			one.Endpoints = append(one.Endpoints, h.Name)
		}
		status.Nodes = append(status.Nodes, one)
	}
	slices.SortStableFunc(status.Nodes, func(a, b nodeStatus) int { return strings.Compare(a.Name, b.Name) })
	return status
}

// unwanted are the names of automatic endpoints that protect nobody: those that are being deleted or are to be, and those
// that are for other interfaces or addresses than they should be.
func unwanted(r *controller.Reading) map[string]bool {
	all := map[string]bool{}
	for _, h := range r.Changes.Delete {
		all[h.Name] = true
	}
	next := map[string]*v3.HostEndpoint{}
	for _, h := range r.Changes.Update {
		next[h.Name] = h
	}
	for _, h := range r.Endpoints {
		want := next[h.Name]
		if autohep.Leaving(h) || want != nil && !sameTarget(h.Spec, want.Spec) {
			all[h.Name] = true
		}
	}
	return all
}

// sameTarget tells whether two endpoints are for the same traffic.
func sameTarget(a, b v3.HostEndpointSpec) bool {
	return a.Node == b.Node && a.InterfaceName == b.InterfaceName && slices.Equal(a.ExpectedIPs, b.ExpectedIPs)
}

// protectedBy takes into account when an endpoint of the node was made.
func (s *nodeStatus) protectedBy(n *v3.Node, h *v3.HostEndpoint) {
	made := h.CreationTimestamp.UTC()
	if made.IsZero() || s.ProtectedSince != nil && !made.Before(*s.ProtectedSince) {
		return
	}
	s.ProtectedSince, s.SecondsToProtect = &made, nil
	if took := made.Sub(n.CreationTimestamp.UTC()); !n.CreationTimestamp.IsZero() && took >= 0 {
		seconds := took.Seconds()
		s.SecondsToProtect = &seconds
	}
}

func (d *Deps) printStatus(status controllerStatus) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Automatic host endpoints: %s\n", status.AutoCreate)
	if status.InStep {
		b.WriteString("In step: yes\n")
	} else {
		fmt.Fprintf(&b, "In step: no (%s)\n", status.behind())
	}
	if status.Controller != "" {
		fmt.Fprintf(&b, "Controller: %s\n", output.Escape(status.Controller))
	}
	if vars := status.variables(); vars != "" || status.EnvironmentOf == environmentOfController {
		fmt.Fprintf(&b, "Environment: %s, of the %s\n", output.Escape(orNone(vars)), status.EnvironmentOf)
	}
	protected := 0
	table := output.Table{Header: []string{"NODE", "PROTECTED SINCE", "TOOK", "ENDPOINTS", "IN STEP", "PROBLEMS"}}
	for _, n := range status.Nodes {
		if n.ProtectedSince != nil {
			protected++
		}
		table.Rows = append(table.Rows, n.row())
	}
	fmt.Fprintf(&b, "Protected: %d of %s\n", protected, count(len(status.Nodes), "node"))
	for _, p := range status.Problems {
		fmt.Fprintf(&b, "Problem: %s\n", output.Escape(p))
	}
	b.WriteString("\n")
	if err := table.Render(&b); err != nil {
		return err
	}
	_, err := d.Out.Write([]byte(b.String()))
	return err
}

// behind says what is not in step.
func (s controllerStatus) behind() string {
	text := fmt.Sprintf("%d to create, %d to update, %d to delete", s.Create, s.Update, s.Delete)
	blocked := 0
	for _, n := range s.Nodes {
		if !n.InStep && len(n.Problems) > 0 {
			blocked++
		}
	}
	if blocked > 0 {
		text += fmt.Sprintf(", %s with problems", count(blocked, "node"))
	}
	if s.Deleting > 0 {
		text += fmt.Sprintf(", %d being deleted", s.Deleting)
	}
	return text
}

// variables are the environment variables on one line.
func (s controllerStatus) variables() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.EnvironmentVars)) {
		parts = append(parts, name+"="+s.EnvironmentVars[name])
	}
	return strings.Join(parts, " ")
}

func (s *nodeStatus) row() []string {
	since, took, inStep := "never", "", "no"
	if s.ProtectedSince != nil {
		since = s.ProtectedSince.Format(time.RFC3339)
	}
	if s.SecondsToProtect != nil {
		took = time.Duration(*s.SecondsToProtect * float64(time.Second)).Round(time.Millisecond).String()
	}
	if s.InStep {
		inStep = "yes"
	}
	return []string{s.Name, since, took, strconv.Itoa(len(s.Endpoints)), inStep, s.problems()}
}

// problemsShown is how many problems of a node a table has room for.
const problemsShown = 3

// problems are the problems on one line, the first of many.
func (s *nodeStatus) problems() string {
	if more := len(s.Problems) - problemsShown; more > 0 {
		return fmt.Sprintf("%s And %d more: see -o yaml.", strings.Join(s.Problems[:problemsShown], " "), more)
	}
	return strings.Join(s.Problems, " ")
}
