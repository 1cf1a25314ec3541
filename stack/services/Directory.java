import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Paths;

import com.unboundid.ldap.listener.InMemoryDirectoryServer;
import com.unboundid.ldap.listener.InMemoryDirectoryServerConfig;
import com.unboundid.ldap.listener.InMemoryListenerConfig;
import com.unboundid.ldap.sdk.OperationType;

/**
 * Serves an LDAP directory with one user, to try readers on one machine. It checks passwords, and
 * answers no other request.
 *
 * <p>Janino, which is among Spark's jars, compiles this file when the service starts.
 */
public class Directory {
    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        int port = Integer.parseInt(arguments[1]);
        String user = arguments[2];
        String password =
            new String(Files.readAllBytes(Paths.get(arguments[3], new String[0]))).trim();

        InMemoryDirectoryServerConfig config =
            new InMemoryDirectoryServerConfig(new String[] {"dc=assay"});
        config.setListenerConfigs(new InMemoryListenerConfig[] {
            InMemoryListenerConfig.createLDAPConfig(
                "readers", InetAddress.getByName(address), port, null)});
        config.setAllowedOperationTypes(new OperationType[] {OperationType.BIND});
        InMemoryDirectoryServer server = new InMemoryDirectoryServer(config);
        server.add(new String[] {"dn: dc=assay", "objectClass: domain", "dc: assay"});
        server.add(new String[] {
            "dn: uid=" + user + ",dc=assay", "objectClass: inetOrgPerson",
            "uid: " + user, "cn: " + user, "sn: " + user, "userPassword: " + password});
        server.startListening();
    }
}
