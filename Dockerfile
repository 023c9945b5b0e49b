# The program alone, for the controller of automatic host endpoints (deploy/controller.yaml):
#
#   docker build -t calicoctl .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION=v0.0.0-dev
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /calicoctl ./calicoctl

FROM scratch
COPY --from=build /calicoctl /calicoctl
USER 65532:65532
ENTRYPOINT ["/calicoctl"]
