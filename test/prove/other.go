//go:build !linux

package main

import (
	"context"
	"errors"
)

func asRoot(context.Context) (status int, done bool, err error) { return 0, false, nil }

var errNotLinux = errors.New("network namespaces and nft are those of Linux")

func lacking(context.Context) error { return errNotLinux }

func proveTrials(context.Context, []*trial, int) (*tally, error) { return nil, errNotLinux }

func versions(context.Context) (kernel, nft string, err error) { return "", "", errNotLinux }
