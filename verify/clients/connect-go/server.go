package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
	echov1 "prebuilds.invalid/verify/clients/echo/v1"
	"prebuilds.invalid/verify/clients/echo/v1/echov1connect"
)

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	mux := http.NewServeMux()
	mux.Handle(echov1connect.NewEchoServiceHandler(echo{}))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := http.Server{Handler: mux, Protocols: protocols}
	log.Fatal(server.Serve(listener))
}

type echo struct{}

// The caller's metadata in the headers and the trailers of a response.
func answer(asked, header, trailer http.Header) {
	for from, to := range map[string]string{"X-Echo": "X-Trailer", "X-Echo-Bin": "X-Trailer-Bin"} {
		for _, value := range asked.Values(from) {
			header.Add(from, value)
			trailer.Add(to, value)
		}
	}
}

func failure(code connect.Code, message string, detail *echov1.ErrorDetail) error {
	failed := connect.NewError(code, errors.New(message))
	packed, err := connect.NewErrorDetail(detail)
	if err != nil {
		return err
	}
	failed.AddDetail(packed)
	return failed
}

func (echo) Echo(ctx context.Context, request *connect.Request[echov1.EchoRequest]) (*connect.Response[echov1.EchoResponse], error) {
	message := &echov1.EchoResponse{Text: request.Msg.Text, Data: request.Msg.Data, Number: request.Msg.Number}
	if deadline, ok := ctx.Deadline(); ok {
		message.TimeoutMs = time.Until(deadline).Milliseconds()
	}
	response := connect.NewResponse(message)
	response.Header().Set("X-Http-Method", request.HTTPMethod())
	answer(request.Header(), response.Header(), response.Trailer())
	return response, nil
}

func (e echo) Read(ctx context.Context, request *connect.Request[echov1.EchoRequest]) (*connect.Response[echov1.EchoResponse], error) {
	return e.Echo(ctx, request)
}

func (echo) Fail(_ context.Context, request *connect.Request[echov1.FailRequest]) (*connect.Response[echov1.EchoResponse], error) {
	return nil, failure(connect.Code(request.Msg.Code), request.Msg.Message, request.Msg.Detail)
}

func (e echo) Wait(ctx context.Context, request *connect.Request[echov1.EchoRequest]) (*connect.Response[echov1.EchoResponse], error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Hour):
		return e.Echo(ctx, request)
	}
}

func (echo) Sum(_ context.Context, stream *connect.ClientStream[echov1.Number]) (*connect.Response[echov1.Number], error) {
	sum := new(echov1.Number)
	for stream.Receive() {
		sum.Value += stream.Msg().Value
	}
	if err := stream.Err(); err != nil {
		return nil, err
	}
	response := connect.NewResponse(sum)
	answer(stream.RequestHeader(), response.Header(), response.Trailer())
	return response, nil
}

func (echo) Count(_ context.Context, request *connect.Request[echov1.CountRequest], stream *connect.ServerStream[echov1.Number]) error {
	answer(request.Header(), stream.ResponseHeader(), stream.ResponseTrailer())
	for value := int64(1); value <= request.Msg.To; value++ {
		if err := stream.Send(&echov1.Number{Value: value}); err != nil {
			return err
		}
	}
	if request.Msg.Fail {
		return failure(connect.CodeAborted, "counted enough", &echov1.ErrorDetail{Reason: "asked for"})
	}
	return nil
}

func (echo) Double(_ context.Context, stream *connect.BidiStream[echov1.Number, echov1.Number]) error {
	answer(stream.RequestHeader(), stream.ResponseHeader(), stream.ResponseTrailer())
	for {
		number, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&echov1.Number{Value: 2 * number.Value}); err != nil {
			return err
		}
	}
}
