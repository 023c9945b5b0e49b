package controller

import (
	"k8s.io/apimachinery/pkg/api/equality"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// status is what the configuration's status is to say.
func (s Settings) status() v3.KubeControllersConfigurationStatus {
	return v3.KubeControllersConfigurationStatus{RunningConfig: &s.Running, EnvironmentVars: s.Vars}
}

// sameStatus tells whether a stored status says what it is to say. A server may have filled in
// defaults where it says nothing.
func sameStatus(stored, wanted v3.KubeControllersConfigurationStatus) bool {
	if stored.RunningConfig == nil {
		return false
	}
	filled := wanted.DeepCopy()
	have, want := stored.RunningConfig, filled.RunningConfig
	if want.PrometheusMetricsPort == nil {
		want.PrometheusMetricsPort = have.PrometheusMetricsPort
	}
	if here, there := want.Controllers.Node, have.Controllers.Node; here != nil && there != nil && here.LeakGracePeriod == nil {
		here.LeakGracePeriod = there.LeakGracePeriod
	}
	if here, there := want.Controllers.LoadBalancer, have.Controllers.LoadBalancer; here != nil && there != nil && here.AssignIPs == "" {
		here.AssignIPs = there.AssignIPs
	}
	return equality.Semantic.DeepEqual(stored, *filled)
}
