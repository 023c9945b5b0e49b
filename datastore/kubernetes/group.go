package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// The API groups that Calico's custom resources can be in.
const (
	groupV1 = "crd.projectcalico.org/v1"
	groupV3 = "projectcalico.org/v3"
)

// chooseGroup uses projectcalico.org/v3 if that was chosen, or if the server has it and not the older
// group: both together mean that an API server in front of the older one makes it.
func (s *Store) chooseGroup(ctx context.Context, chosen string) (string, error) {
	if chosen != "" {
		s.groupHint = fmt.Sprintf("; or leave CALICO_API_GROUP (calicoAPIGroup) out, which is %q, to use the group that the server has", chosen)
		if strings.EqualFold(chosen, groupV3) {
			return groupV3, nil
		}
		return groupV1, nil
	}
	body, err := s.do(ctx, s.client.Get().AbsPath("/apis"))
	if err != nil {
		if apierrors.IsForbidden(err) {
			return groupV1, nil // who may not ask may still use what is there
		}
		return "", s.failure(ctx, "open", resources.Key{}, request{"get", "apis"}, err)
	}
	var groups struct {
		Groups []struct{ Name string }
	}
	if err := json.Unmarshal(body, &groups); err != nil {
		return "", datastore.ErrorOf("open", resources.Key{}, datastore.ErrUnavailable, s.server+" does not answer as a Kubernetes API server does")
	}
	has := map[string]bool{}
	for _, g := range groups.Groups {
		has[g.Name] = true
	}
	if has["projectcalico.org"] && !has["crd.projectcalico.org"] {
		return groupV3, nil
	}
	return groupV1, nil
}
