// The peer connect-go: "serve" serves the echo service, "call URL" calls it.
package main

import (
	"fmt"
	"os"
)

func main() {
	switch arguments := os.Args[1:]; {
	case len(arguments) == 1 && arguments[0] == "serve":
		serve()
	case len(arguments) == 2 && arguments[0] == "call":
		if !call(arguments[1]) {
			os.Exit(1)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: connect-go serve | call URL")
		os.Exit(2)
	}
}
