//! What a child tells the helper through its report pipe, on its way to execve(2): a record for a step that failed, or
//! the record that execve comes next. The pipe is close-on-exec, so its end after that record means that execve succeeded.
//! A write of this size is atomic (man 7 pipe).
const std = @import("std");
const limits = @import("limits.zig");
const messages = @import("messages.zig");

/// The system calls that a step can fail with, by the names of their manual pages.
pub const Call = enum(u8) {
    none,
    pipe2,
    clone,
    clone3,
    unshare,
    execve,
    chdir,
    prctl,
    capset,
    setns,
    chroot,
    pivot_root,
    umount2,
    fchdir,
    open,
    fcntl,
    dup3,
    setresuid,
    setresgid,
    setgroups,
    setpgid,
    setsid,
    mount,
    mmap,
    epoll_ctl,
    statx,
    read,
    write,
    rt_sigaction,
    rt_sigprocmask,
    prlimit64,
};

/// Why a command could not be started.
pub const Failure = extern struct {
    stage: messages.Stage,
    call: Call = .none,
    item: messages.Item = .none,
    /// The signal that ended the child, for Stage.unknown_error.
    signal: u8 = 0,
    errno: u16 = 0,
    detail: Detail = .none,
    index: u32 = 0,
};

/// What a failure says in words, where an errno does not say enough.
pub const Detail = enum(u16) {
    none,
    proc_not_own,
    pipes,
    memory,

    /// What there is to say of /proc, by the errno of Host.procErrno.
    pub fn ofProc(errno: u16) Detail {
        return if (errno == @intFromEnum(std.os.linux.E.NOENT)) .proc_not_own else .none;
    }

    pub fn text(detail: Detail) [:0]const u8 {
        return switch (detail) {
            .none => "",
            .proc_not_own => "/proc is not mounted, or shows another pid namespace",
            .memory => "the helper has no memory for a command of this size",
            .pipes => std.fmt.comptimePrint("pipes: at most {d} not yet opened by the client", .{limits.pipes_max}),
        };
    }
};

pub const Record = extern struct {
    kind: Kind,
    failure: Failure,

    pub const Kind = enum(u32) {
        failed,
        about_to_exec,
        /// The joiner has made the command's own process: `failure.index` is its pid.
        joined,
    };
};

/// The most that the processes of a command write: that one was made, that execve comes next, and that it failed; or what
/// failed in an id map command, and how that ended.
pub const records_max = 3;

comptime {
    std.debug.assert(@sizeOf(Failure) == 12);
    std.debug.assert(@sizeOf(Record) == 16);
}
