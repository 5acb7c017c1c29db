/** The numbers of the system calls, by architecture, as Node names it, and by name. scripts/syscalls.zig makes them. */
declare const syscalls: Readonly<Record<string, Readonly<Record<string, number>> | undefined>>;
export = syscalls;
