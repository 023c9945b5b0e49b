package kubernetes

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// request is what an access rule allows: a verb on a resource, such as "hostendpoints.projectcalico.org".
type request struct{ verb, resource string }

func (c collection) request(verb string) request {
	resource := c.resource
	if c.group != "" {
		resource += "." + c.group
	}
	return request{verb, resource}
}

// grantedIn is the file with a rule that allows it.
func (r request) grantedIn() string {
	if r.resource == "events" || r.resource == resourceLeases || strings.HasPrefix(r.resource, "kubecontrollersconfigurations/status.") {
		return "deploy/controller.yaml"
	}
	return "deploy/rbac.yaml"
}

// failure translates an error of the client. ctx is the caller's.
func (s *Store) failure(ctx context.Context, op string, key resources.Key, r request, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	own := func(sentinel error, detail string) error {
		return datastore.ErrorOf(op, key, sentinel, s.presentable(detail))
	}
	switch {
	case apierrors.IsNotFound(err):
		detail, sentinel := s.missing(r, err)
		return own(sentinel, detail)
	case apierrors.IsAlreadyExists(err):
		return own(datastore.ErrExists, "")
	case apierrors.IsConflict(err):
		return own(datastore.ErrConflict, "")
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return own(datastore.ErrCompacted, "list again")
	case apierrors.IsUnauthorized(err):
		return own(datastore.ErrUnauthorized, s.unauthorized())
	case apierrors.IsForbidden(err):
		return own(datastore.ErrUnauthorized, fmt.Sprintf("it takes the right to %s %s, which %s shows how to grant (%s)", r.verb, r.resource, r.grantedIn(), reason(err)))
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return own(datastore.ErrInvalid, "the server refuses it: "+reason(err))
	case apierrors.IsMethodNotSupported(err):
		return own(datastore.ErrUnsupported, reason(err))
	}
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok && status.ErrStatus.Code == http.StatusInternalServerError {
		return own(datastore.ErrUnavailableHere, s.unavailable(err)) // the server is there
	}
	return own(datastore.ErrUnavailable, s.unavailable(err))
}

// missing says what it is that the server does not have.
func (s *Store) missing(r request, err error) (detail string, sentinel error) {
	switch {
	case !isMissingResource(err):
		return "", datastore.ErrNotFound
	case !strings.Contains(r.resource, "."): // of Kubernetes itself
		return s.server + " does not answer as a Kubernetes API server does", datastore.ErrUnavailable
	}
	return fmt.Sprintf(
		"the server has no %s: that CustomResourceDefinition is not installed; install Calico, or its definitions alone: kubectl apply -f deploy/crds%s",
		r.resource, s.groupHint), datastore.ErrNotFound
}

// unauthorized says why the server does not know who asks.
func (s *Store) unauthorized() string {
	if !s.certificateEnds.IsZero() && time.Now().After(s.certificateEnds) {
		return fmt.Sprintf("the client certificate expired at %s; get a new one, or log in again", s.certificateEnds.Format(time.RFC3339))
	}
	return "the server does not accept the credentials; they may have expired: log in again, or check the user of the kubeconfig's context"
}

// isMissingResource tells a resource that the server does not know from an object that does not exist.
func isMissingResource(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return !ok || status.ErrStatus.Details == nil || status.ErrStatus.Details.Name == ""
}

// reason is what the server says.
func reason(err error) string {
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		var causes []string
		if details := status.ErrStatus.Details; details != nil && status.ErrStatus.Reason == metav1.StatusReasonInvalid {
			for _, c := range details.Causes {
				causes = append(causes, c.Field+": "+c.Message)
			}
		}
		if len(causes) > 0 {
			return strings.Join(causes, "; ")
		}
		return status.ErrStatus.Message
	}
	return err.Error()
}

// where is the server, in messages.
func (s *Store) where() string { return "the Kubernetes API server at " + s.server }

// unavailable says why the server cannot be reached or cannot answer, and what to do.
func (s *Store) unavailable(err error) string {
	problem := err
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		problem = wrapped.Err // the URL may hold what is nobody's business
	}
	where := s.where()
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var network *net.OpError
	switch {
	case errors.As(problem, &unknown):
		return where + " has a certificate of an authority that is not trusted; check certificate-authority in the kubeconfig, or K8S_CA_FILE"
	case errors.As(problem, &invalid) && invalid.Reason == x509.Expired:
		return where + " has a certificate that has expired, or this machine's clock is wrong"
	case errors.As(problem, &hostname):
		return where + " has a certificate for other names: " + hostname.Error()
	case errors.Is(problem, context.DeadlineExceeded):
		return fmt.Sprintf("%s did not answer within %v; --request-timeout sets another limit", where, s.timeout)
	case errors.As(problem, &network) && network.Op == "remote error":
		return fmt.Sprintf("%s refuses the connection (%v); check the client certificate in the kubeconfig", where, network.Err)
	case errors.As(problem, &network):
		return fmt.Sprintf("%s cannot be reached (%v); check the kubeconfig and the network", where, network)
	case strings.HasPrefix(problem.Error(), "getting credentials: "):
		return "the credential plugin of the kubeconfig's user fails: " + pluginProblem(problem.Error())
	case apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err), apierrors.IsServerTimeout(err), apierrors.IsTimeout(err):
		return where + " is overloaded or starting: " + reason(err)
	default:
		return where + ": " + reason(problem)
	}
}

// pluginProblem is what client-go says of a credential plugin, without what the plugin itself has written:
// that may hold a secret.
func pluginProblem(text string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(text, "getting credentials: "), "\n")
	if strings.HasPrefix(first, "exec: ") {
		return first
	}
	return "what it writes is no ExecCredential that can be used; run it by hand to see"
}
