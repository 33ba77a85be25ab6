// Names what `go build github.com/seaweedfs/seaweedfs/weed` needs, so that `go mod tidy` keeps it.
package main

import _ "github.com/seaweedfs/seaweedfs/weed/command"

func main() {}
