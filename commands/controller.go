package commands

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
)

func newController(d *Deps, g *globalOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Keep automatic host endpoints in step with the nodes",
		Long: `Keep automatic host endpoints in step with the nodes and with the KubeControllersConfiguration "default", as Calico's kube-controllers do. Both may run at the same time: they want the same, so neither undoes what the other does, but for a few cases that docs/controller.md lists.

The environment variables LOG_LEVEL, ENABLED_CONTROLLERS, RECONCILER_PERIOD, COMPACTION_PERIOD, HEALTH_ENABLED and AUTO_HOST_ENDPOINTS override the configuration. AUTO_HOST_ENDPOINTS=enabled keeps the templates.
` + exitStatus,
		Example: `  calicoctl controller plan
  calicoctl controller run --once
  calicoctl controller status`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(newControllerRun(d, g), newControllerPlan(d, g), newControllerStatus(d, g))
	return cmd
}

// controllerReading reads what a controller reads, and gives the datastore for further questions.
func controllerReading(ctx context.Context, d *Deps, g *globalOptions, configFile string) (*session, *controller.Reading, *controller.Environment, error) {
	s, err := openSession(ctx, d, g, configFile, reading)
	if err != nil {
		return nil, nil, nil, err
	}
	environment, err := s.controllerEnvironment()
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	r, err := controller.Read(ctx, s.Store, environment)
	if err != nil {
		s.close()
		return nil, nil, nil, err
	}
	return s, r, environment, nil
}

// controllerEnvironment is what the environment says to the controller.
func (s *session) controllerEnvironment() (*controller.Environment, error) {
	return controller.ReadEnvironment(s.deps.LookupEnv, s.ClusterType == clusterTypeKubernetes)
}

// election is what controllers hold to agree on one of them.
func election(namespace, identity string) datastore.Election {
	return datastore.Election{Namespace: namespace, Name: "calicoctl-controller", Identity: identity}
}

// addConfigFlag adds --config alone.
func addConfigFlag(cmd *cobra.Command, config *string) {
	cmd.Flags().StringVarP(config, "config", "c", defaultConfigFile, "the `file` that says which datastore to use")
}

// printStructured writes a value as YAML or JSON.
func printStructured(d *Deps, format string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil && format == formatYAML {
		text, err = yaml.JSONToYAML(text)
	} else {
		text = append(text, '\n')
	}
	if err != nil {
		return err
	}
	_, err = d.Out.Write(text)
	return err
}
