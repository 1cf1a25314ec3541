import java.net.InetSocketAddress;

import org.apache.hadoop.hive.conf.HiveConf;
import org.apache.hadoop.hive.metastore.HiveMetaStore;
import org.apache.hadoop.hive.metastore.IHMSHandler;
import org.apache.hadoop.hive.metastore.TServerSocketKeepAlive;
import org.apache.hadoop.hive.metastore.TUGIBasedProcessor;
import org.apache.hadoop.hive.thrift.TUGIContainingTransport;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.server.ServerContext;
import org.apache.thrift.server.TServer;
import org.apache.thrift.server.TServerEventHandler;
import org.apache.thrift.server.TThreadPoolServer;
import org.apache.thrift.transport.TServerSocket;
import org.apache.thrift.transport.TTransport;

/**
 * Serves the Hive metastore on one address. Hive's own main program always serves all addresses; the
 * rest is as there.
 *
 * <p>Janino, which is among Spark's jars, compiles this file when the service starts. It knows no
 * generic types.
 */
public class Metastore {
    public static void main(String[] arguments) throws Exception {
        InetSocketAddress address =
            new InetSocketAddress(arguments[0], Integer.parseInt(arguments[1]));
        HiveConf conf = new HiveConf(HiveMetaStore.class);
        final IHMSHandler handler = HiveMetaStore.newRetryingHMSHandler(
            new HiveMetaStore.HMSHandler("metastore", conf, false), conf);
        long limit = conf.getLongVar(HiveConf.ConfVars.METASTORESERVERMAXMESSAGESIZE);

        // A client whose machine is gone would keep its thread.
        TThreadPoolServer.Args options =
            new TThreadPoolServer.Args(new TServerSocketKeepAlive(new TServerSocket(address)));
        options.processor(new TUGIBasedProcessor(handler));
        options.transportFactory(new TUGIContainingTransport.Factory());
        options.inputProtocolFactory(new TBinaryProtocol.Factory(true, true, limit, limit));
        TServer server = new TThreadPoolServer(options);
        server.setServerEventHandler(new TServerEventHandler() {
            public void preServe() {}

            public ServerContext createContext(TProtocol in, TProtocol out) {
                return null;
            }

            public void processContext(ServerContext context, TTransport in, TTransport out) {}

            public void deleteContext(ServerContext context, TProtocol in, TProtocol out) {
                try {
                    handler.shutdown(); // closes the connection of this thread to the database
                } catch (TException error) {
                    throw new RuntimeException(error);
                }
            }
        });
        server.serve();
    }
}
