// test/clients/UnixSocketFactory.java: lets JDBC reach a server that listens on a
// Unix socket alone, as the tests' does: ?socketFactory=UnixSocketFactory
// &socketFactoryArg=/path/.s.PGSQL.5432. Has what pgjdbc calls and no more.
import java.io.*;
import java.net.*;
import java.nio.channels.*;
import javax.net.SocketFactory;

public class UnixSocketFactory extends SocketFactory {
	private final String path;

	public UnixSocketFactory(String path) {
		this.path = path;
	}

	@Override
	public Socket createSocket() {
		return new Socket() {
			private SocketChannel channel;

			@Override
			public void connect(SocketAddress endpoint, int timeout) throws IOException {
				channel = SocketChannel.open(UnixDomainSocketAddress.of(path));
			}

			@Override
			public InputStream getInputStream() {
				return Channels.newInputStream(channel);
			}

			@Override
			public OutputStream getOutputStream() {
				return Channels.newOutputStream(channel);
			}

			@Override
			public boolean isConnected() {
				return channel != null;
			}

			@Override
			public void close() throws IOException {
				channel.close();
			}

			@Override
			public void setTcpNoDelay(boolean on) {
			}

			@Override
			public void setKeepAlive(boolean on) {
			}

			@Override
			public void setSoTimeout(int timeout) {
			}

			@Override
			public int getSoTimeout() {
				return 0;
			}
		};
	}

	@Override
	public Socket createSocket(String host, int port) {
		throw new UnsupportedOperationException();
	}

	@Override
	public Socket createSocket(String host, int port, InetAddress localHost, int localPort) {
		throw new UnsupportedOperationException();
	}

	@Override
	public Socket createSocket(InetAddress host, int port) {
		throw new UnsupportedOperationException();
	}

	@Override
	public Socket createSocket(InetAddress address, int port, InetAddress localAddress, int localPort) {
		throw new UnsupportedOperationException();
	}
}
