package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

type versionOptions struct {
	deps   *Deps
	global *globalOptions
	config string
	client bool
	poll   string
}

func newVersion(d *Deps, g *globalOptions) *cobra.Command {
	o := &versionOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of this program and of the cluster",
		Long: `Show the version of this program and, from the datastore, that of Calico in the cluster and what kind of cluster it is.
` + exitStatus,
		Example: `  calicoctl version
  calicoctl version --client
  calicoctl version --poll=1m`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runVersion(cmd.Context(), o) },
	}
	cmd.Flags().StringVarP(&o.config, "config", "c", "", "the `file` that says which datastore to use (default "+defaultConfigFile+")")
	cmd.Flags().BoolVar(&o.client, "client", false, "show only the version of this program")
	cmd.Flags().StringVar(&o.poll, "poll", "", "go on, and show what changes each time this `duration` has passed")
	return cmd
}

func runVersion(ctx context.Context, o *versionOptions) error {
	out := o.deps.Out
	every, err := pollDuration(o.poll)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "Client Version:    %s\nGit commit:        %s\n", o.deps.Build.Version, o.deps.Build.Commit); err != nil {
		return err
	}
	if o.client {
		return nil
	}
	if o.config == "" {
		o.config = defaultConfigFile
	}
	quiet := *o.global
	quiet.allowVersionMismatch = true // the versions are there for all to see
	s, err := openSession(ctx, o.deps, &quiet, o.config, reading)
	var noFile errNoConfigFile
	switch {
	case errors.As(err, &noFile):
		return err
	case err != nil:
		o.deps.complain(err.Error())
		_, err = fmt.Fprintln(out, "Unable to detect installed Calico version")
		return err
	}
	defer s.close()
	return o.showCluster(ctx, s, every)
}

// pollDuration is 0 for no polling.
func pollDuration(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("invalid poll duration specified: %s; write for example 30s or 1m", text)
	}
	return d, nil
}

// showCluster prints the cluster's version and type, and again whenever they change if
// there is an interval.
func (o *versionOptions) showCluster(ctx context.Context, s *session, every time.Duration) error {
	shown := map[string]string{}
	for {
		object, err := s.Store.Get(ctx, resources.ClusterInformation.Key(v3.DefaultName))
		if err != nil {
			err = fmt.Errorf("unable to retrieve Cluster Version or Type: %w", err)
			if every == 0 {
				return err
			}
			o.deps.complain(err.Error())
		} else if err := o.showChanges(object.(*v3.ClusterInformation).Spec, shown); err != nil {
			return err
		}
		if every == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

func (o *versionOptions) showChanges(info v3.ClusterInformationSpec, shown map[string]string) error {
	for _, line := range []struct{ title, value string }{
		{"Cluster Version:   ", info.CalicoVersion},
		{"Cluster Type:      ", info.ClusterType},
	} {
		if line.value == "" {
			line.value = "unknown"
		}
		if shown[line.title] == line.value {
			continue
		}
		shown[line.title] = line.value
		if _, err := fmt.Fprintln(o.deps.Out, line.title+line.value); err != nil {
			return err
		}
	}
	return nil
}
