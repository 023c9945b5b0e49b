package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterInformation says what cluster a datastore belongs to. Calico's own
// components write it; it is read only here.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,path=clusterinformations,shortName={clusterinfo}
type ClusterInformation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ClusterInformationSpec `json:"spec,omitempty"`
}

// ClusterInformationSpec is what is known of the cluster.
type ClusterInformationSpec struct {
	// ClusterGUID is 32 hexadecimal digits.
	ClusterGUID string `json:"clusterGUID,omitempty"`
	// ClusterType is a comma-separated list of words.
	ClusterType   string `json:"clusterType,omitempty"`
	CalicoVersion string `json:"calicoVersion,omitempty"`
	// DatastoreReady is false while a migration locks the datastore.
	DatastoreReady *bool  `json:"datastoreReady,omitempty"`
	Variant        string `json:"variant,omitempty"`
}
