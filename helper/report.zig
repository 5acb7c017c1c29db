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
    memfd_create,
    sendfile,
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
    client_dir,
    forged,
    streams,

    /// What there is to say of /proc, by the errno of Host.procErrno.
    pub fn ofProc(errno: u16) Detail {
        return if (errno == @intFromEnum(std.os.linux.E.NOENT)) .proc_not_own else .none;
    }

    pub fn text(detail: Detail) [:0]const u8 {
        return switch (detail) {
            .none => "",
            .proc_not_own => "/proc is not mounted, or shows another pid namespace",
            .memory => "the helper has no memory for a command of this size",
            .client_dir => "neither this path nor /proc/<pid of the client>/cwd leads to the client's working directory of the call",
            .pipes => std.fmt.comptimePrint("pipes: at most {d} not yet opened by the client", .{limits.pipes_max}),
            .forged => "another process has written to the pipe on which the command's own process reports to the helper",
            .streams => std.fmt.comptimePrint("streams: at most {d} at once", .{limits.streams_max}),
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

    /// The record that these bytes are. Null if they are none: a pipe can be written to through /proc/<pid>/fd by whoever
    /// may trace a process that has it, and a step of the command may write to any descriptor.
    pub fn parse(bytes: *const [size]u8) ?Record {
        const raw: *align(1) const Raw = @ptrCast(bytes);
        const record: Record = .{
            .kind = known(Kind, raw.kind) orelse return null,
            .failure = .{
                .stage = known(messages.Stage, raw.stage) orelse return null,
                .call = known(Call, raw.call) orelse return null,
                .item = known(messages.Item, raw.item) orelse return null,
                .signal = raw.signal,
                .errno = raw.errno,
                .detail = known(Detail, raw.detail) orelse return null,
                .index = raw.index,
            },
        };
        return if (record.isPossible()) record else null;
    }

    /// Whether a process of the helper's writes such a record, as far as the record itself tells.
    fn isPossible(record: *const Record) bool {
        const failure = &record.failure;
        if (failure.signal > limits.signal_max or failure.errno > errno_max) return false;
        return switch (record.kind) {
            .about_to_exec => true,
            .joined => failure.index > 0 and failure.index <= std.math.maxInt(i32),
            .failed => switch (failure.stage) {
                .unspecified => false,
                // `index` is what wait4 has told of the map command.
                .aux_command_exited => failure.index & 0x7f == 0 and failure.index >> 8 & 0xff != 0,
                .aux_command_killed => failure.index & 0x7f != 0 and failure.index & 0x7f <= limits.signal_max,
                else => true,
            },
        };
    }

    pub const size = 16;
};

/// MAX_ERRNO, include/linux/err.h.
const errno_max = 4095;

/// A Record whose enums are not known to have a value of theirs.
const Raw = extern struct {
    kind: u32,
    stage: u8,
    call: u8,
    item: u8,
    signal: u8,
    errno: u16,
    detail: u16,
    index: u32,
};

/// The values are below 64, which std.enums.fromInt does not make use of.
fn known(comptime Enum: type, value: @typeInfo(Enum).@"enum".tag_type) ?Enum {
    comptime var values: u64 = 0;
    inline for (@typeInfo(Enum).@"enum".fields) |field| values |= 1 << field.value;
    return if (value < 64 and values >> @intCast(value) & 1 != 0) @enumFromInt(value) else null;
}

/// The most that the processes of a command write: that one was made, that execve comes next, and that it failed; or what
/// failed in an id map command, and how that ended.
pub const records_max = 3;

comptime {
    std.debug.assert(@sizeOf(Record) == Record.size);
    std.debug.assert(@sizeOf(Raw) == Record.size);
    for (@typeInfo(Failure).@"struct".fields) |field| {
        std.debug.assert(@offsetOf(Raw, field.name) == @offsetOf(Record, "failure") + @offsetOf(Failure, field.name));
    }
}

test "a record is what it was, and what is none is refused" {
    const record: Record = .{
        .kind = .failed,
        .failure = .{ .stage = .exec, .call = .execve, .item = .program, .errno = 2, .index = 7 },
    };
    const bytes = std.mem.toBytes(record);
    try std.testing.expectEqual(record, Record.parse(&bytes).?);
    inline for (@typeInfo(Raw).@"struct".fields) |field| {
        if (comptime std.mem.eql(u8, field.name, "index")) continue;
        var wrong = bytes;
        @memset(wrong[@offsetOf(Raw, field.name)..][0..@sizeOf(field.type)], 0xff);
        try std.testing.expectEqual(null, Record.parse(&wrong));
    }
    const impossible = [_]Record{
        .{ .kind = .failed, .failure = .{ .stage = .unspecified } },
        .{ .kind = .failed, .failure = .{ .stage = .aux_command_exited, .index = 0 } },
        .{ .kind = .failed, .failure = .{ .stage = .aux_command_exited, .index = 9 } },
        .{ .kind = .failed, .failure = .{ .stage = .aux_command_killed, .index = 1 << 8 } },
        .{ .kind = .failed, .failure = .{ .stage = .aux_command_killed, .index = 0x7f } },
        .{ .kind = .joined, .failure = .{ .stage = .unspecified, .index = 0 } },
        .{ .kind = .joined, .failure = .{ .stage = .unspecified, .index = 1 << 31 } },
    };
    for (impossible) |one| try std.testing.expectEqual(null, Record.parse(&std.mem.toBytes(one)));
    // No bytes at all end the helper.
    var random: std.Random.DefaultPrng = .init(1);
    for (0..100_000) |_| {
        var some: [Record.size]u8 = undefined;
        random.random().bytes(&some);
        for (&some) |*byte| byte.* &= random.random().int(u8) & random.random().int(u8);
        const parsed = Record.parse(&some) orelse continue;
        try std.testing.expectEqualSlices(u8, &some, &std.mem.toBytes(parsed));
    }
}
