package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// failure translates an error of the client. ctx is the caller's, not the one that bounds a request.
func (s *Store) failure(ctx context.Context, op string, key resources.Key, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	own := func(sentinel error, detail string) error { return datastore.ErrorOf(op, key, sentinel, detail) }
	where := strings.Join(s.endpoints, ", ")
	switch {
	case errors.Is(err, rpctypes.ErrCompacted):
		return own(datastore.ErrCompacted, "list again")
	case errors.Is(err, rpctypes.ErrTooManyOps):
		return own(datastore.ErrUnsupported, "these are more objects than this etcd writes together (--max-txn-ops); write fewer at once, or without --atomic")
	case tooMuch(err):
		return own(datastore.ErrInvalid, "the object is larger than this etcd takes (1.5 MiB unless --max-request-bytes says otherwise)")
	case errors.Is(err, rpctypes.ErrAuthFailed):
		return own(datastore.ErrUnauthorized, "etcd refused the user name or the password (ETCD_USERNAME, ETCD_PASSWORD)")
	case errors.Is(err, rpctypes.ErrUserEmpty):
		return own(datastore.ErrUnauthorized, "this etcd wants a user name and a password (ETCD_USERNAME, ETCD_PASSWORD)")
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return own(datastore.ErrUnauthorized, "the user's roles in etcd do not cover "+root)
	case errors.Is(err, rpctypes.ErrInvalidAuthToken), status.Code(err) == codes.Unauthenticated:
		return own(datastore.ErrUnauthorized, "the session with etcd has ended; try again")
	case errors.Is(err, rpctypes.ErrNoSpace):
		return own(datastore.ErrUnavailable, "etcd is out of space; compact and defragment it, then disarm its alarm")
	case errors.Is(err, context.DeadlineExceeded), status.Code(err) == codes.DeadlineExceeded:
		return own(datastore.ErrUnavailable, fmt.Sprintf("no answer from etcd at %s within %v%s; "+
			"check ETCD_ENDPOINTS and, for https, the certificates", where, s.timeout, because(err)))
	case errors.Is(err, clientv3.ErrNoAvailableEndpoints), status.Code(err) == codes.Unavailable, errors.Is(err, context.Canceled), status.Code(err) == codes.Canceled:
		return own(datastore.ErrUnavailable, fmt.Sprintf("etcd at %s cannot be reached%s", where, because(err)))
	default:
		return own(datastore.ErrUnavailable, fmt.Sprintf("etcd at %s: %v", where, err))
	}
}

// tooMuch tells whether a transaction has more operations or bytes than this etcd takes.
func tooMuch(err error) bool {
	return errors.Is(err, rpctypes.ErrTooManyOps) || errors.Is(err, rpctypes.ErrRequestTooLarge) ||
		status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "larger than max")
}

// because is the last reason that a connection failed for, where the client tells one.
func because(err error) string {
	_, reason, ok := strings.Cut(err.Error(), `desc = "`)
	if !ok {
		_, reason, ok = strings.Cut(err.Error(), "latest balancer error: ")
	}
	if !ok {
		return ""
	}
	return " (" + strings.TrimSuffix(reason, `"`) + ")"
}
