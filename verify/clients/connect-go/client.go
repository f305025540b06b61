package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"
	echov1 "prebuilds.invalid/verify/clients/echo/v1"
	"prebuilds.invalid/verify/clients/echo/v1/echov1connect"
)

var (
	text    = strings.Repeat("grüße", 2000)
	binary  = []byte{0, 1, 255}
	encoded = base64.RawStdEncoding.EncodeToString(binary)
)

type client = echov1connect.EchoServiceClient

// Runs all cases in each protocol, and says whether they passed.
func call(url string) bool {
	passed := true
	for _, transport := range []struct {
		name    string
		http2   bool
		options []connect.ClientOption
	}{
		{"connect h1", false, nil},
		{"connect h2", true, nil},
		{"connect json h1", false, []connect.ClientOption{connect.WithProtoJSON()}},
		{"connect json h2", true, []connect.ClientOption{connect.WithProtoJSON()}},
		{"grpc h2", true, []connect.ClientOption{connect.WithGRPC()}},
		{"grpc json h2", true, []connect.ClientOption{connect.WithGRPC(), connect.WithProtoJSON()}},
		{"grpc-web h1", false, []connect.ClientOption{connect.WithGRPCWeb()}},
		{"grpc-web h2", true, []connect.ClientOption{connect.WithGRPCWeb()}},
	} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!transport.http2)
		protocols.SetUnencryptedHTTP2(transport.http2)
		over := &http.Client{Transport: &http.Transport{Protocols: protocols}}
		open := func(options ...connect.ClientOption) client {
			return echov1connect.NewEchoServiceClient(over, url, append(options, transport.options...)...)
		}
		c := open()
		run := func(name string, test func() error) {
			said := "ok"
			if err := test(); err != nil {
				passed = false
				said = "FAILED " + strings.NewReplacer("\n", " ", "\t", " ").Replace(err.Error())
			}
			fmt.Printf("%s\t%s\t%s\n", transport.name, name, said)
		}
		run("unary", func() error { return unary(c, "") })
		run("gzip", func() error { return unary(open(connect.WithSendGzip()), "gzip") })
		run("metadata", func() error { return metadata(c) })
		run("error", func() error { return unaryError(c) })
		run("deadline", func() error { return deadline(c) })
		run("server stream", func() error { return serverStream(c) })
		run("stream error", func() error { return streamError(c) })
		run("client stream", func() error { return clientStream(c) })
		if transport.http2 {
			run("bidi", func() error { return bidi(c) })
		}
		if strings.HasPrefix(transport.name, "connect") {
			run("get", func() error { return get(open(connect.WithHTTPGet())) })
		}
	}
	return passed
}

func same[T comparable](what string, is, shall T) error {
	if is == shall {
		return nil
	}
	return fmt.Errorf("%s is %v, not %v", what, is, shall)
}

func unary(c client, encoding string) error {
	request := &echov1.EchoRequest{Text: text, Data: binary, Number: math.MinInt64}
	response, err := c.Echo(context.Background(), connect.NewRequest(request))
	if err != nil {
		return err
	}
	return errors.Join(
		same("text", response.Msg.Text, text),
		same("data is right", bytes.Equal(response.Msg.Data, binary), true),
		same("number", response.Msg.Number, math.MinInt64),
		same("the request's encoding", response.Header().Get("X-Request-Encoding"), encoding),
	)
}

func metadata(c client) error {
	request := connect.NewRequest(new(echov1.EchoRequest))
	request.Header().Add("X-Echo", "one")
	request.Header().Add("X-Echo", "two")
	request.Header().Set("X-Echo-Bin", encoded)
	response, err := c.Echo(context.Background(), request)
	if err != nil {
		return err
	}
	problems := []error{}
	for name, header := range map[string]http.Header{"X-Echo": response.Header(), "X-Trailer": response.Trailer()} {
		value := strings.TrimRight(header.Get(name+"-Bin"), "=")
		problems = append(problems,
			same(name, strings.Join(header.Values(name), ", "), "one, two"),
			same(name+"-Bin", value, encoded))
	}
	return errors.Join(problems...)
}

func isError(err error, code connect.Code, message, reason string) error {
	var failed *connect.Error
	if !errors.As(err, &failed) {
		return fmt.Errorf("it did not fail as it should: %v", err)
	}
	problem := errors.Join(
		same("code", failed.Code(), code),
		same("message", failed.Message(), message),
		same("number of details", len(failed.Details()), 1),
	)
	if problem != nil {
		return problem
	}
	detail, err := failed.Details()[0].Value()
	if err != nil {
		return err
	}
	typed, ok := detail.(*echov1.ErrorDetail)
	if !ok {
		return fmt.Errorf("the detail is a %T", detail)
	}
	return same("reason", typed.Reason, reason)
}

func unaryError(c client) error {
	message := "no: 100% ünsure"
	request := &echov1.FailRequest{
		Code: int32(connect.CodeFailedPrecondition), Message: message, Detail: &echov1.ErrorDetail{Reason: "too late"},
	}
	_, err := c.Fail(context.Background(), connect.NewRequest(request))
	return isError(err, connect.CodeFailedPrecondition, message, "too late")
}

func deadline(c client) error {
	long, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	response, err := c.Echo(long, connect.NewRequest(new(echov1.EchoRequest)))
	if err != nil {
		return err
	}
	if left := response.Msg.TimeoutMs; left < 40_000 || left > 50_000 {
		return fmt.Errorf("the server saw a timeout of %d ms, not of 50 s", left)
	}
	short, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = c.Wait(short, connect.NewRequest(new(echov1.EchoRequest)))
	return same("code", connect.CodeOf(err), connect.CodeDeadlineExceeded)
}

func count(c client, request *echov1.CountRequest) ([]int64, error) {
	stream, err := c.Count(context.Background(), connect.NewRequest(request))
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	var numbers []int64
	for stream.Receive() {
		numbers = append(numbers, stream.Msg().Value)
	}
	return numbers, stream.Err()
}

func serverStream(c client) error {
	numbers, err := count(c, &echov1.CountRequest{To: 3})
	return errors.Join(err, same("messages", fmt.Sprint(numbers), "[1 2 3]"))
}

func streamError(c client) error {
	numbers, err := count(c, &echov1.CountRequest{To: 2, Fail: true})
	return errors.Join(
		same("messages", fmt.Sprint(numbers), "[1 2]"),
		isError(err, connect.CodeAborted, "counted enough", "asked for"),
	)
}

func clientStream(c client) error {
	stream := c.Sum(context.Background())
	for value := int64(1); value <= 4; value++ {
		if err := stream.Send(&echov1.Number{Value: value}); err != nil {
			return err
		}
	}
	response, err := stream.CloseAndReceive()
	if err != nil {
		return err
	}
	return same("sum", response.Msg.Value, 10)
}

// Each number is sent when the double of the one before has come.
func bidi(c client) error {
	stream := c.Double(context.Background())
	defer stream.CloseResponse()
	for value := int64(1); value <= 3; value++ {
		if err := stream.Send(&echov1.Number{Value: value}); err != nil {
			return err
		}
		double, err := stream.Receive()
		if err != nil {
			return err
		}
		if err := same("message", double.Value, 2*value); err != nil {
			return err
		}
	}
	if err := stream.CloseRequest(); err != nil {
		return err
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream does not end but: %v", err)
	}
	return nil
}

func get(c client) error {
	response, err := c.Read(context.Background(), connect.NewRequest(&echov1.EchoRequest{Text: "got"}))
	if err != nil {
		return err
	}
	return errors.Join(
		same("text", response.Msg.Text, "got"),
		same("method", response.Header().Get("X-Http-Method"), "GET"),
	)
}
