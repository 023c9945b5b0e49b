package kubernetes

import (
	"bytes"
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// revisions are the names and revisions of a list, and its own revision.
type revisions struct {
	items    []revisionOf
	revision string
}

type revisionOf struct{ name, revision string }

// errNoRevision says that something is no list: one without a revision cannot be followed by a watch, and is not empty.
var errNoRevision = errors.New("it is a list without a revision")

// readRevisions reads a list of metadata in either form in which a server sends it.
func readRevisions(body []byte) (out revisions, err error) {
	if envelope, ok := bytes.CutPrefix(body, []byte("k8s\x00")); ok {
		out, err = binaryRevisions(envelope)
	} else {
		out, err = textRevisions(body)
	}
	if err == nil && out.revision == "" {
		err = errNoRevision
	}
	return out, err
}

func textRevisions(body []byte) (revisions, error) {
	var list struct {
		Metadata struct{ ResourceVersion string }
		Items    []struct {
			Metadata struct{ Name, ResourceVersion string }
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return revisions{}, err
	}
	out := revisions{revision: list.Metadata.ResourceVersion, items: make([]revisionOf, len(list.Items))}
	for i, item := range list.Items {
		out.items[i] = revisionOf{item.Metadata.Name, item.Metadata.ResourceVersion}
	}
	return out, nil
}

// The numbers of fields in the binary form of a list of metadata: those of runtime.Unknown, PartialObjectMetadataList,
// ListMeta, PartialObjectMetadata and ObjectMeta.
const (
	fieldRaw            protowire.Number = 2
	fieldListMeta       protowire.Number = 1
	fieldListItems      protowire.Number = 2
	fieldListRevision   protowire.Number = 2
	fieldItemMeta       protowire.Number = 1
	fieldObjectName     protowire.Number = 1
	fieldObjectRevision protowire.Number = 6
)

// binaryRevisions reads of the binary form no more than it needs: most of it is about who has written what.
func binaryRevisions(envelope []byte) (out revisions, err error) {
	item := func(meta []byte) error {
		var one revisionOf
		err := eachField(meta, func(number protowire.Number, value []byte) error {
			switch number {
			case fieldObjectName:
				one.name = string(value)
			case fieldObjectRevision:
				one.revision = string(value)
			}
			return nil
		})
		out.items = append(out.items, one)
		return err
	}
	list := func(number protowire.Number, value []byte) error {
		switch number {
		case fieldListMeta:
			return onlyField(fieldListRevision, value, func(text []byte) error { out.revision = string(text); return nil })
		case fieldListItems:
			return onlyField(fieldItemMeta, value, item)
		}
		return nil
	}
	err = onlyField(fieldRaw, envelope, func(raw []byte) error { return eachField(raw, list) })
	return out, err
}

// onlyField gives the values of one field of a message.
func onlyField(wanted protowire.Number, message []byte, take func([]byte) error) error {
	return eachField(message, func(number protowire.Number, value []byte) error {
		if number != wanted {
			return nil
		}
		return take(value)
	})
}

// eachField gives those fields of a message that are texts, bytes or messages.
func eachField(message []byte, take func(protowire.Number, []byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if kind == protowire.BytesType {
			var value []byte
			if value, n = protowire.ConsumeBytes(message); n >= 0 {
				if err := take(number, value); err != nil {
					return err
				}
			}
		} else {
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
	}
	return nil
}
