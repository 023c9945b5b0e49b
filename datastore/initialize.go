package datastore

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Initialize makes sure that a datastore holds what every cluster has: the description
// of the cluster, with the given type, and the built-in tiers. What exists is left as it is. What the user
// may not see or make is left to those who may.
func Initialize(ctx context.Context, s Store, clusterType string) error {
	for _, o := range clusterObjects(clusterType) {
		key, _ := resources.KeyOf(o)
		_, err := s.Get(ctx, key)
		if errors.Is(err, ErrNotFound) {
			_, err = s.Create(ctx, o)
		}
		if aborts(err) {
			return err
		}
	}
	return nil
}

func clusterObjects(clusterType string) []resources.Object {
	ready := true
	info := resources.ClusterInformation.New().(*v3.ClusterInformation)
	info.Name = v3.DefaultName
	info.Spec = v3.ClusterInformationSpec{
		ClusterGUID:    strings.ReplaceAll(uuid.NewString(), "-", ""),
		ClusterType:    clusterType,
		DatastoreReady: &ready,
	}
	return []resources.Object{
		info,
		newTier(v3.TierDefault, resources.OrderTierDefault, v3.Deny),
		newTier(v3.TierKubeAdmin, resources.OrderTierKubeAdmin, v3.Pass),
		newTier(v3.TierKubeBaseline, resources.OrderTierKubeBaseline, v3.Pass),
	}
}

func newTier(name string, order float64, action v3.Action) resources.Object {
	t := resources.Tier.New().(*v3.Tier)
	t.Name = name
	t.Spec = v3.TierSpec{Order: &order, DefaultAction: &action}
	return t
}
