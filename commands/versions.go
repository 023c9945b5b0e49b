package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// compareVersions warns when the cluster was made for another version than this
// program. A cluster that does not tell its version stops nobody; an error is that of a
// datastore that is not there, which the command would only wait for again.
func (s *session) compareVersions(ctx context.Context) error {
	o, err := s.Store.Get(ctx, resources.ClusterInformation.Key(v3.DefaultName))
	if err != nil {
		s.deps.log.Debug("the cluster's version is unknown", "error", err)
		if datastore.IsAway(err) {
			return err
		}
		return ctx.Err()
	}
	cluster := o.(*v3.ClusterInformation).Spec.CalicoVersion
	if cluster == "" || s.deps.Build.Version == "" || plainVersion(cluster) == plainVersion(s.deps.Build.Version) {
		return nil
	}
	s.deps.warn(fmt.Sprintf("the cluster runs Calico %s and this is calicoctl %s; --allow-version-mismatch silences this",
		cluster, s.deps.Build.Version))
	return nil
}

// plainVersion is a version without its leading v and without what follows a dash.
func plainVersion(version string) string {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	return version
}
