// Hands a listening socket to a service, as systemd does (`man 3 sd_listen_fds`). A connection that comes before the
// service is ready waits in the socket. The service is trusted: it runs as the same user and sees the same files.
const { once } = require('events');
const { connect, createServer } = require('net');
const { Command, Fd } = require('unshare');

const service = `
  if (Number(process.env.LISTEN_PID) !== process.pid) throw new Error('not for me');
  require('net').createServer(socket => socket.end('hello from ' + process.pid)).listen({ fd: 3 });`;

async function ask(port) {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', chunk => {
    answer += chunk;
  });
  await once(socket, 'end');
  return answer;
}

async function main() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const child = await new Command(process.execPath)
    .args(['-e', service])
    .env('LISTEN_FDS', '1')
    .envVarWithPid('LISTEN_PID')
    // Node has no public name for the descriptor of a server.
    .fileDescriptor(3, Fd.dupFile(server._handle.fd))
    .spawn();
  // Here it would accept connections as well. The service has the same socket, which stays open.
  server.close();
  console.log(
    (await ask(port)) === `hello from ${child.pid}`
      ? 'the service has answered'
      : 'somebody else has answered',
  );
  await child.kill();
  await child.wait();
}

main();
