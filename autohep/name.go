package autohep

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	nameSuffix = "-auto-hep"
	// maxNameLength is how many bytes the name of an object may have.
	maxNameLength = 253
)

// endpointName is the name of an endpoint of a node. The default endpoint has neither
// generateName nor iface; one of a template without pattern has no iface.
func endpointName(node, generateName, iface string) string {
	name := node
	if generateName != "" {
		name += "-" + generateName
	}
	if iface != "" {
		name += "-" + iface
	}
	name += nameSuffix
	if len(name) <= maxNameLength {
		return name
	}
	return hashedName(name)
}

// hashedName is a short name that depends on every byte of a long one.
func hashedName(name string) string {
	sum := sha256.Sum256([]byte(name))
	text := base64.RawURLEncoding.EncodeToString(sum[:])
	text = strings.NewReplacer("-", "", "_", "").Replace(text)
	return strings.ToLower(text) + nameSuffix
}
