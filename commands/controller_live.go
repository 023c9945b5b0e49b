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

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// addNamespaceFlag adds --namespace.
func addNamespaceFlag(cmd *cobra.Command, namespace *string) {
	cmd.Flags().StringVar(namespace, "namespace", "", "the namespace of the Lease through which controllers agree (default $POD_NAMESPACE, or "+defaultNamespace+")")
}

// leaseNamespace is the namespace that was asked for, or the usual one.
func (d *Deps) leaseNamespace(given string) string {
	namespace, _ := d.LookupEnv("POD_NAMESPACE")
	return cmp.Or(given, namespace, defaultNamespace)
}

// liveController is the controller that works now.
type liveController struct {
	identity string
	// environment is what it runs with; nil if it has not said so.
	environment *controller.Environment
}

// live finds the controller that works now; one without an identity if none does, or if that cannot be told.
func (s *session) live(ctx context.Context, namespace string, kcc *v3.KubeControllersConfiguration) liveController {
	elector, ok := s.Store.(datastore.Elector)
	if !ok {
		return liveController{}
	}
	leader, err := elector.Leader(ctx, election(namespace, ""))
	if err != nil {
		s.deps.log.Info("who leads cannot be told", "error", err)
		return liveController{}
	}
	l := liveController{identity: leader}
	if leader == "" || kcc == nil || kcc.Status.RunningConfig == nil {
		return l
	}
	if l.environment, err = controller.ReadReported(kcc); err != nil {
		s.deps.warn(fmt.Sprintf("what status.environmentVars of the configuration says cannot be understood, and is left out: %v", err))
	}
	return l
}

// differs says in which variables the environment here is another one than that of the controller; empty for none.
func (l liveController) differs(here *controller.Environment) string {
	if l.environment == nil {
		return ""
	}
	there, own := l.environment.Variables(), here.Variables()
	all := maps.Clone(there)
	maps.Copy(all, own)
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if before, after := valueIn(there, name), valueIn(own, name); before != after {
			parts = append(parts, fmt.Sprintf("%s is %s there and %s here", name, before, after))
		}
	}
	return strings.Join(parts, ", ")
}

func valueIn(vars map[string]string, name string) string {
	if value, ok := vars[name]; ok {
		return fmt.Sprintf("%q", value)
	}
	return "not set"
}

// warnOfOther warns if what a command goes by is not what the controller that works goes by.
func (s *session) warnOfOther(l liveController, here *controller.Environment) {
	if difference := l.differs(here); difference != "" {
		s.deps.warn(fmt.Sprintf("the controller %q works with another environment: %s; what follows goes by the one here",
			l.identity, difference))
	}
}

// storedConfiguration reads the configuration; nil if there is none.
func (s *session) storedConfiguration(ctx context.Context) (*v3.KubeControllersConfiguration, error) {
	o, err := s.Store.Get(ctx, resources.KubeControllersConfiguration.Key(v3.DefaultName))
	if errors.Is(err, datastore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return o.(*v3.KubeControllersConfiguration), nil
}
