// ranges URL OUT: four ranges at once with Go's net/http, each asked for at the first URL.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	url := os.Args[1]
	head, err := http.Head(url)
	fail(err)
	head.Body.Close()
	body := make([]byte, head.ContentLength)
	var group sync.WaitGroup
	part := len(body)/4 + 1
	for first := 0; first < len(body); first += part {
		last := min(first+part, len(body)) - 1
		group.Add(1)
		go func() {
			defer group.Done()
			request, _ := http.NewRequest("GET", url, nil)
			request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, last))
			answer, err := http.DefaultClient.Do(request)
			fail(err)
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusPartialContent {
				fail(fmt.Errorf("status %s", answer.Status))
			}
			_, err = io.ReadFull(answer.Body, body[first:last+1])
			fail(err)
		}()
	}
	group.Wait()
	fail(os.WriteFile(os.Args[2], body, 0o644))
}
