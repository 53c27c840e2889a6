package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// smallDisk is a program for scripts: smalldisk SIZE DIR COMMAND... runs a command
// that sees a disk of that size at DIR (a tmpfs in a mount namespace of its own).
// It exits with 99 where the system allows no namespace.
func smallDisk() {
	size, dir, command := os.Args[1], os.Args[2], os.Args[3:]
	if os.Getenv("SMALLDISK_INSIDE") == "" {
		inside := exec.Command("/proc/self/exe", os.Args[1:]...)
		inside.Args[0] = os.Args[0]
		inside.Env = append(os.Environ(), "SMALLDISK_INSIDE=1")
		inside.Stdin, inside.Stdout, inside.Stderr = os.Stdin, os.Stdout, os.Stderr
		inside.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		if os.Getuid() == 0 {
			inside.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		}
		finish(inside.Run(), 99)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		fmt.Fprintln(os.Stderr, "mount:", err)
		os.Exit(99)
	}
	os.Unsetenv("SMALLDISK_INSIDE")
	run := exec.Command(command[0], command[1:]...)
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	finish(run.Run(), 98)
}

// finish leaves as the command did, or with a code when it could not be run.
func finish(err error, otherwise int) {
	if exit, ok := err.(*exec.ExitError); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(otherwise)
	}
	os.Exit(0)
}
