// What protobuf C++ makes of JSON at the edges; see src/bin/edges.rs for the lines.
#include <iostream>
#include <string>

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>

template <typename Message>
std::string outcome(const std::string& text) {
  Message message;
  std::string printed;
  if (google::protobuf::util::JsonStringToMessage(text, &message).ok() &&
      google::protobuf::util::MessageToJsonString(message, &printed).ok()) {
    return printed;
  }
  return "refused";
}

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const std::size_t tab = line.find('\t');
    const std::string kind = line.substr(0, tab);
    if (tab == std::string::npos || (kind != "Duration" && kind != "Timestamp")) {
      std::cerr << line << ": a line is Duration or Timestamp, a tab, and JSON\n";
      return 1;
    }
    const std::string text = line.substr(tab + 1);
    std::cout << (kind == "Duration" ? outcome<google::protobuf::Duration>(text)
                                     : outcome<google::protobuf::Timestamp>(text))
              << '\n';
  }
}
