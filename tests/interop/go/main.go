// A program in Go, for static.py: its system calls are its own, and its scheduler sends it signals all the time.
//
//	go get URL N M      N at once, M times each: the SHA-256 of what came, if it always was the same
//	go serve ADDR SIZE  a web server that answers with SIZE bytes
//	go udp ADDR         a question there, its answer printed
//	go refused ADDR     the error of a connection
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func fetch(url string) string {
	r, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	h := sha256.New()
	if _, err = io.Copy(h, r.Body); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func get(url string, n, m int) {
	all := make(chan string)
	for i := 0; i < n; i++ {
		go func() {
			for j := 0; j < m; j++ {
				all <- fetch(url)
			}
		}()
	}
	seen := map[string]int{}
	for i := 0; i < n*m; i++ {
		seen[<-all]++
	}
	for what, times := range seen {
		fmt.Println(what, times)
	}
}

func serve(addr string, size int) {
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listening on", l.Addr())
	http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(bytes.Repeat([]byte("sockeye\n"), size/8))
	}))
}

func udp(addr string) {
	c, err := net.Dial("udp4", addr)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	b := make([]byte, 100)
	c.SetDeadline(time.Now().Add(10 * time.Second))
	c.Write([]byte("question"))
	n, err := c.Read(b)
	fmt.Println(string(b[:n]), err)
	p, _ := net.ListenPacket("udp4", "0.0.0.0:0")
	p.SetDeadline(time.Now().Add(10 * time.Second))
	p.WriteTo([]byte("another"), c.RemoteAddr())
	n, from, err := p.ReadFrom(b)
	fmt.Println(string(b[:n]), from, err)
}

func main() {
	switch os.Args[1] {
	case "get":
		get(os.Args[2], number(os.Args[3]), number(os.Args[4]))
	case "serve":
		serve(os.Args[2], number(os.Args[3]))
	case "udp":
		udp(os.Args[2])
	default:
		_, err := net.Dial("tcp4", os.Args[2])
		fmt.Println(err)
	}
}
