module seaweedfs-server

go 1.26

// As in seaweedfs's own go.mod, which `go install` therefore refuses.
replace github.com/tyler-smith/go-bip39 => github.com/cosmos/go-bip39 v1.0.0
