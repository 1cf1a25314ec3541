import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Map;
import java.util.Properties;
import java.util.Set;

import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkSubmit;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.expressions.CallMethodViaReflection;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.catalyst.plans.QueryPlan;
import org.apache.spark.sql.catalyst.plans.logical.Command;
import org.apache.spark.sql.catalyst.plans.logical.ExecutableDuringAnalysis;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.ScriptTransformation;
import org.apache.spark.sql.catalyst.trees.TreeNode;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.execution.command.SetCommand;
import scala.Option;
import scala.Tuple2;
import scala.runtime.AbstractFunction1;
import scala.runtime.AbstractFunction2;
import scala.runtime.BoxedUnit;

/**
 * Runs SparkSubmit, and is itself an extension of Spark's sessions: a session may query, show, describe
 * and explain, and nothing else.
 *
 * <p>HDFS and the metastore refuse the server's user every change of tables and files. These rules
 * refuse before that, and also what they do not see: code, and settings of the server.
 *
 * <p>Janino, which is among Spark's jars, compiles this file when the service starts. It knows no
 * generic types.
 */
public class ReaderServer extends AbstractFunction1 {
    /** Beside SHOW and DESCRIBE: EXPLAIN, USE and SET. */
    private static final Set COMMANDS = new HashSet(Arrays.asList(new Object[] {
        "ExplainCommand", "SetCatalogAndNamespace", "SetNamespaceCommand", "SetCommand"}));
    /** What a session may set: how results are computed and sent. Spark itself sets the third one. */
    private static final Set SETTINGS = new HashSet(Arrays.asList(new Object[] {
        "spark.sql.ansi.enabled", "spark.sql.session.timeZone", "spark.sql.datetime.java8API.enabled",
        "hive.server2.thrift.resultset.default.fetch.size"}));

    public static void main(String[] arguments) throws Exception {
        Thread.currentThread().setContextClassLoader(ReaderServer.class.getClassLoader());
        System.setProperties(new ServerProperties(System.getProperties()));
        SparkSubmit.main(arguments);
    }

    public Object apply(Object extensions) {
        ((SparkSessionExtensions) extensions).injectParser(new AbstractFunction2() {
            public Object apply(Object session, Object parser) {
                return Proxy.newProxyInstance(
                    ReaderServer.class.getClassLoader(), new Class[] {ParserInterface.class},
                    new Parser((SparkSession) session, (ParserInterface) parser));
            }
        });
        ((SparkSessionExtensions) extensions).injectCheckRule(new AbstractFunction1() {
            public Object apply(Object session) {
                return new AbstractFunction1() {
                    public Object apply(Object plan) {
                        ((QueryPlan) plan).foreachWithSubqueries(new AbstractFunction1() {
                            public Object apply(Object part) {
                                check((QueryPlan) part);
                                return BoxedUnit.UNIT;
                            }
                        });
                        return BoxedUnit.UNIT;
                    }
                };
            }
        });
        return BoxedUnit.UNIT;
    }

    /** Refuses one node of a statement's plan: a command, or code of the session. */
    private static void check(QueryPlan plan) {
        String name = plan.getClass().getSimpleName();
        if (plan instanceof Command && !name.startsWith("Show") && !name.startsWith("Describe")
                && !COMMANDS.contains(name)) {
            throw refused("is a statement of the kind " + name);
        }
        if (plan instanceof SetCommand && ((SetCommand) plan).kv().isDefined()) {
            Tuple2 setting = (Tuple2) ((SetCommand) plan).kv().get();
            if (((Option) setting._2()).isDefined() && !SETTINGS.contains(setting._1())) {
                throw refused("sets " + setting._1());
            }
        }
        if (plan instanceof ScriptTransformation) {
            throw refused("runs a program");
        }
        scala.collection.Iterator expressions = plan.expressions().iterator();
        while (expressions.hasNext()) {
            ((TreeNode) expressions.next()).foreach(new AbstractFunction1() {
                public Object apply(Object expression) {
                    if (expression instanceof CallMethodViaReflection) {
                        throw refused("calls a method of Java");
                    }
                    return BoxedUnit.UNIT;
                }
            });
        }
    }

    private static RuntimeException refused(String what) {
        return new SecurityException("Readers may only read: this " + what);
    }

    /**
     * Refuses all statements of a session whose address has set something, before variables in them
     * are replaced, and procedures, which run while a statement is analyzed.
     */
    private static class Parser implements InvocationHandler {
        private final SparkSession session;
        private final ParserInterface parser;

        Parser(SparkSession session, ParserInterface parser) {
            this.session = session;
            this.parser = parser;
        }

        public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
            if (method.getReturnType() == LogicalPlan.class) {
                checkSettings();
            }
            Object result;
            try {
                result = method.invoke(parser, arguments);
            } catch (InvocationTargetException error) {
                throw error.getCause();
            }
            if (result instanceof ExecutableDuringAnalysis) {
                throw refused("calls a procedure");
            }
            return result;
        }

        private void checkSettings() {
            SparkConf server = session.sparkContext().conf();
            Map settings = session.sessionState().conf().settings();
            synchronized (settings) {
                for (Iterator it = settings.entrySet().iterator(); it.hasNext();) {
                    Map.Entry setting = (Map.Entry) it.next();
                    String name = (String) setting.getKey();
                    if (!SETTINGS.contains(name)
                            && !setting.getValue().equals(server.get(name, null))) {
                        throw refused("session sets " + name);
                    }
                }
            }
        }
    }

    /** The properties of this process: an address of a session can set them in HiveServer2. */
    private static class ServerProperties extends Properties {
        ServerProperties(Properties original) {
            putAll(original);
        }

        public synchronized Object setProperty(String name, String value) {
            String caller = Thread.currentThread().getStackTrace()[2].getClassName();
            if (caller.equals("org.apache.hive.service.cli.session.HiveSessionImpl")) {
                throw refused("session sets a property of the server");
            }
            return super.setProperty(name, value);
        }
    }
}
