//! Every limit of the helper, by name, and how they hang together.
const std = @import("std");

/// One message, without its length prefix. execve(2) takes 6 MiB of arguments and environment at most.
pub const message_in_size_max = 8 << 20;
/// A longer varint than this is refused; 64 bits need ten bytes.
pub const varint_size_max = 10;
/// How deep groups that this helper does not know may be nested.
pub const group_depth_max = 8;

/// What is kept of a message that there is no memory for: enough to find the number of its command.
pub const dropped_head_size = 64;

/// Messages up to this size are received without an allocation of their own.
pub const receive_buffer_size = 64 << 10;
/// Of messages to the client. Bytes of streams fill it only up to `stream_room`: the rest is for answers.
pub const transmit_buffer_size = stream_room + (64 << 10);
pub const stream_room = 128 << 10;
/// One message to the client.
pub const message_out_size_max = 4 << 10;

pub const arguments_max = 1 << 20;
pub const environment_max = 1 << 20;
pub const descriptors_max = 64;
/// Descriptors of the client that the helper is started with.
pub const kept_descriptors_max = 63;
pub const namespaces_max = 16;
pub const joins_max = 8;
/// NGROUPS_MAX, man 2 setgroups.
pub const groups_max = 65_536;
pub const steps_max = 64;
/// What a system call takes (man 2 syscall).
pub const step_arguments_max = 6;
pub const descriptor_ranges_max = 64;
/// Variables that hold the child's pid.
pub const pid_variables_max = 64;
/// What is told of an id map command's standard error.
pub const map_command_stderr_size_max = 2048;
/// UID_GID_MAP_MAX_EXTENTS, man 7 user_namespaces.
pub const id_map_rows_max = 340;
/// A map is written with one write(2), which has to be shorter than this.
pub const id_map_text_size_max = 4096;

/// Commands that are being started or that live.
pub const commands_max = 1 << 15;
/// Their processes: with the ones that join namespaces or write id maps for them, while they are being started.
pub const processes_max = (1 << 16) - 1;
/// Children that were reaped before it was known whose they are.
pub const unclaimed_max = 256;
/// Pipe ends that clients have not released yet.
pub const pipes_max = 1 << 15;

/// Commands that are between clone and execve and share the helper's memory.
pub const shared_launches_max = 6;
/// What such a command runs on, and where its arguments lie.
pub const shared_launch_stack_size = 16 << 10;
pub const shared_launch_arena_size = 64 << 10;

/// Pipes of living commands that have more than the usual room, and how much. An ordinary user's pipes share 64 MiB
/// (man 7 pipe, pipe-user-pages-soft), beyond which new ones of every program of that user are tiny.
pub const large_pipes_max = 64;
pub const large_pipe_size = 256 << 10;

/// Streams of living commands.
pub const streams_max = 1 << 15;
/// Bytes of a stream that its receiver has not consumed yet: STREAM_WINDOW in proto/unshare.proto.
pub const stream_window = 256 << 10;
/// What is read from a stream's pipe at once. Other streams and commands have their turn in between.
pub const stream_chunk_size = 64 << 10;
/// What is read from all streams before the loop looks at anything else again.
pub const stream_round_size = 256 << 10;
/// A stream that the program reads from tells the client of so many bytes at once that it has consumed.
pub const stream_credit_size = stream_window / 4;

/// What is moved at once from a program's pipe to the client, in a run for one command.
pub const output_chunk_size = 256 << 10;

/// How many generations of the client's parents are looked at.
pub const parents_max = 64;

/// Events taken from epoll at once.
pub const events_max = 64;

/// What one round of the loop does of each kind, before it looks at the clock and at what else there is.
pub const messages_per_round_max = 64;
pub const reaped_per_round_max = 64;
/// Children that are reaped for one Reap before only those of commands are.
pub const reaped_per_request_max = 4096;

/// How long the helper waits at its end for the children that it has ended.
pub const ending_ms = 1000;

pub const signal_max = 64;

/// What a message's decoded form takes for each byte at most: an empty string is two bytes there, and a pointer and a NUL
/// here. The elements of a few short lists take more, which is `arena_excess_max` together; messages.zig checks it.
pub const arena_factor = 8;
pub const arena_excess_max = 32 << 10;

/// Has room for every message that is within the limits, unless it has a field repeatedly of which only the last one counts.
pub fn arenaSize(message_size: usize) usize {
    return arena_factor * message_size + arena_excess_max;
}

comptime {
    std.debug.assert(receive_buffer_size < message_in_size_max);
    std.debug.assert(message_out_size_max < transmit_buffer_size);
    std.debug.assert(pipes_max >= commands_max);
    std.debug.assert(stream_chunk_size < stream_room);
    std.debug.assert(processes_max > commands_max);
    std.debug.assert(large_pipes_max * large_pipe_size <= 64 << 20);
    // A pipe takes 44 bytes of Spawned at most.
    std.debug.assert(descriptors_max * 44 + 64 < message_out_size_max);
    std.debug.assert(map_command_stderr_size_max + 512 < message_out_size_max);
}
