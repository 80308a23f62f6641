package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func boom() {
	panic("it broke") // here
}

func main() {
	mode, rest := os.Args[1], os.Args[2:]
	switch mode {
	case "hello":
		fmt.Println("hello ä€😀")
	case "args":
		for _, arg := range rest {
			fmt.Printf("[%s]\n", arg)
		}
	case "cat":
		io.Copy(os.Stdout, os.Stdin)
	case "env":
		fmt.Printf("[%s]\n", os.Getenv("WORD"))
	case "memory":
		fmt.Println("filling")
		for kept := [][]byte{}; ; {
			part := make([]byte, 8<<20)
			for index := range part {
				part[index] = 1
			}
			kept = append(kept, part)
		}
	case "exit":
		os.Exit(3)
	case "stderr":
		fmt.Println("out")
		fmt.Fprintln(os.Stderr, "err")
	case "crash":
		boom()
	case "loop":
		fmt.Println("looping")
		for {
		}
	case "child":
		child := exec.Command("sleep", "6021")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println("begun")
	case "mebibyte":
		out := bufio.NewWriter(os.Stdout)
		for number := 0; number < 16384; number++ {
			fmt.Fprintf(out, "%063d\n", number)
		}
		out.Flush()
	case "files":
		text, err := os.ReadFile("in.txt")
		if err != nil {
			panic(err)
		}
		if err := os.WriteFile("out.txt", append(text, '!'), 0o644); err != nil {
			panic(err)
		}
	case "net":
		if _, err := net.DialTimeout("tcp", "192.0.2.1:80", 5*time.Second); err != nil {
			fmt.Println("no network")
		} else {
			fmt.Println("connected")
		}
	}
}
