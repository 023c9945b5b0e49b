# Everything a contributor types. The tools are pinned in tools/, each in a module of its own;
# Go builds one when it is first needed and keeps it in its build cache.

golangci-lint  := go tool -modfile=tools/golangci-lint/go.mod golangci-lint
controller-gen := go tool -modfile=tools/controller-gen/go.mod controller-gen
goreleaser     := go tool -modfile=tools/goreleaser/go.mod goreleaser

version := $(shell git describe --tags --dirty 2>/dev/null || echo v0.0.0-dev)
commit  := $(shell git rev-parse HEAD 2>/dev/null)
date    := $(shell TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
ldflags := -s -w -X main.version=$(version) -X main.commit=$(commit) -X main.date=$(date)

FUZZTIME ?= 10m

# asV1 makes a definition of the older API group from the one of projectcalico.org/v3: it has the same schema.
asV1 := -e 's/^  name: \(.*\)\.projectcalico\.org$$/  name: \1.crd.projectcalico.org/' \
	-e 's/^  group: projectcalico\.org$$/  group: crd.projectcalico.org/' -e 's/^\(  [- ] name: \)v3$$/\1v1/' \
	-e '/^    selectableFields:/,/^    - jsonPath/d'

# The real servers of the tests, built once for each set of versions.
servers := .cache/servers/$(shell cksum <test/servers/go.sum | cut -d ' ' -f 1)

.DEFAULT_GOAL := help
.NOTPARALLEL: # go is parallel by itself, and generate comes before golden
.PHONY: help build demo test prove check fmt-check vet lint in-step tidy-check test-race \
	servers fmt generate golden bench fuzz cover release-check snapshot clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/calicoctl
	CGO_ENABLED=0 go build -trimpath -ldflags '$(ldflags)' -o bin/calicoctl ./calicoctl

demo: build ## walk through the guide with the built program
	testdata/guide/demo.sh bin/calicoctl

test: servers ## run the tests
	go test -timeout 30m ./...
	@go run ./test/prove -check

prove: ## let a kernel judge all recorded sets and 300 random ones, and print the certificate
	go run ./test/prove

check: fmt-check vet lint in-step tidy-check test-race ## run all that CI checks: the six targets below

fmt-check: ## formatting: fail when `make fmt` would change a file
	$(golangci-lint) fmt --diff

vet: ## go vet
	go vet ./...

lint: ## golangci-lint, with the layering rules
	$(golangci-lint) run

in-step: ## fail when `make generate golden` would change a file
	@.ci/in-step generate golden

tidy-check: ## fail when `go mod tidy` would change a go.mod
	go mod tidy -diff
	go -C tools/golangci-lint mod tidy -diff
	go -C tools/controller-gen mod tidy -diff
	go -C test/servers mod tidy -diff

test-race: servers ## run the tests with the race detector
	go test -race -timeout 30m ./...
	@go run ./test/prove -check

servers: $(servers)/etcd $(servers)/kube-apiserver ## build the servers that the tests run, and say where they are
	@echo $(CURDIR)/$(servers)

$(servers)/etcd:
	@echo 'building etcd for the tests' >&2
	@go -C test/servers build -trimpath -ldflags '-s -w' -o $(CURDIR)/$@ go.etcd.io/etcd/server/v3

$(servers)/kube-apiserver: version = $(shell awk '$$1 == "k8s.io/kubernetes" { print $$2 }' test/servers/go.mod)
$(servers)/kube-apiserver:
	@echo 'building kube-apiserver for the tests; the first time this takes some minutes' >&2
	@go -C test/servers build -trimpath -ldflags '-s -w -X k8s.io/component-base/version.gitVersion=$(version)' -o $(CURDIR)/$@ k8s.io/kubernetes/cmd/kube-apiserver

fmt: ## format the code
	$(golangci-lint) fmt

generate: ## write deep copy functions, custom resource definitions and the reference
	rm -rf deploy/crds docs/reference
	$(controller-gen) object crd:allowDangerousTypes=true paths=./resources/v3/... output:crd:dir=deploy/crds
	rm deploy/crds/projectcalico.org_nodes.yaml deploy/crds/projectcalico.org_profiles.yaml # no custom resources
	for file in deploy/crds/*; do sed $(asV1) $$file >deploy/crds/crd.$${file##*/}; done
	go run ./docs/gen -reference docs/reference -lint docs/lint

golden: ## write the golden files anew from what the program does now
	UPDATE=1 go test -short -count=1 -timeout 10m ./...

bench: servers ## measure the program
	go run ./test/bench
	go test -run '^$$' -bench . -benchtime 5x -timeout 30m ./test/bench
	go test -run '^$$' -bench . ./selector

fuzz: ## run every fuzz target for FUZZTIME (10m)
	@.ci/fuzz $(FUZZTIME)

cover: ## report how much of the code the tests run
	go test -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -func=coverage.out | tail -n 1

release-check: ## check the release configuration and its tools
	go -C tools/goreleaser mod tidy -diff
	go -C tools/cyclonedx-gomod mod tidy -diff
	$(goreleaser) check

snapshot: ## build a release into dist/, publish nothing
	$(goreleaser) release --snapshot --clean

clean: ## remove what these targets left
	rm -rf bin dist .cache coverage.out
