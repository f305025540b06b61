// The same service over connect-go, with net/http's server: HTTP/1.1 and HTTP/2 with prior knowledge on one port.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"bench/gen/benchv1"
	"bench/gen/benchv1/benchv1connect"
)

type server struct {
	benchv1connect.UnimplementedBenchServiceHandler
}

func (server) GetPrebuild(
	context.Context, *connect.Request[benchv1.GetPrebuildRequest],
) (*connect.Response[benchv1.GetPrebuildResponse], error) {
	return connect.NewResponse(response()), nil
}

// response builds the same message as everyone's.
func response() *benchv1.GetPrebuildResponse {
	const created, updated = 1_780_000_000, 1_780_000_600
	user := func() *benchv1.Subject {
		return &benchv1.Subject{
			Id:        "0191aaaa-bbbb-7ccc-8ddd-eeeeffff0001",
			Principal: benchv1.Principal_PRINCIPAL_USER,
		}
	}
	return &benchv1.GetPrebuildResponse{Prebuild: &benchv1.Prebuild{
		Id: "01932b4e-8f5a-7c31-9d2e-4b6a8c0e1f23",
		Metadata: &benchv1.PrebuildMetadata{
			OrganizationId:     "0191e1c5-52c1-7ab1-8a4e-2f3b4c5d6e7f",
			ProjectId:          "0192a3b4-c5d6-7e8f-9a0b-1c2d3e4f5a6b",
			EnvironmentClassId: "0190f0e1-d2c3-7b4a-9586-776859403122",
			Creator:            user(),
			CreatedAt:          &timestamppb.Timestamp{Seconds: created},
			UpdatedAt:          &timestamppb.Timestamp{Seconds: updated, Nanos: 123_000_000},
			TriggeredBy:        benchv1.PrebuildTrigger_PREBUILD_TRIGGER_MANUAL,
			Executor:           user(),
		},
		Spec: &benchv1.PrebuildSpec{
			SpecVersion:  1,
			DesiredPhase: benchv1.PrebuildPhase_PREBUILD_PHASE_COMPLETED,
			Timeout:      &durationpb.Duration{Seconds: 3600},
		},
		Status: &benchv1.PrebuildStatus{
			Phase:                        benchv1.PrebuildPhase_PREBUILD_PHASE_COMPLETED,
			CompletionTime:               &timestamppb.Timestamp{Seconds: updated, Nanos: 123_000_000},
			LogUrl:                       "https://logs.example.com/v1/prebuilds/01932b4e/log?t=1",
			EnvironmentId:                "01932b4f-0a1b-7c2d-8e3f-4a5b6c7d8e9f",
			StatusVersion:                9,
			SnapshotCompletionPercentage: 100,
			SnapshotSizeBytes:            1_234_567_890,
		},
	}}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	mux := http.NewServeMux()
	mux.Handle(benchv1connect.NewBenchServiceHandler(server{}))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	log.Fatal((&http.Server{Handler: mux, Protocols: protocols}).Serve(listener))
}
