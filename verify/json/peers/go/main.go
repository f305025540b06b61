// What protojson makes of JSON at the edges; see src/bin/edges.rs for the lines.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func main() {
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		kind, text, _ := strings.Cut(input.Text(), "\t")
		var message proto.Message = &durationpb.Duration{}
		if kind == "Timestamp" {
			message = &timestamppb.Timestamp{}
		}
		answer := "refused"
		if protojson.Unmarshal([]byte(text), message) == nil {
			if printed, err := protojson.Marshal(message); err == nil {
				answer = string(printed)
			}
		}
		fmt.Println(answer)
	}
}
