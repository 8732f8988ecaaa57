import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.plugins.PluginInfo;

/**
 * One node of OpenSearch in this process, on loopback, until it is stopped.
 *
 * <p>Arguments: its name; its HTTP port; the transport ports of all nodes with commas, its own
 * first; the names of all nodes with commas; the folder for its data.
 *
 * <p>As in the official image, variables with a dot in their names are settings, and come first.
 */
public class Node {
    /** The constructor that takes plugins is for subclasses only. */
    static class WithPlugins extends org.opensearch.node.Node {
        @SuppressWarnings({"unchecked", "rawtypes"})
        WithPlugins(Environment environment, List plugins) {
            super(environment, (Collection) plugins, false);
        }
    }

    /** Returns a plugin of the class path by the name that it has in 3.x or the one of 2.x. */
    static Object plugin(String... names) {
        for (String name : names) {
            Class<?> found;
            try {
                found = Class.forName(name);
            } catch (ClassNotFoundException e) {
                continue;
            }
            if (Version.CURRENT.major < 3) {
                return found;
            }
            return new PluginInfo(
                name, "of the class path", "NA", Version.CURRENT, "21", name, null, List.of(), false);
        }
        throw new IllegalStateException("not on the class path: " + String.join(", ", names));
    }

    static Settings settings(String name, String httpPort, String ports, String names, Path home) {
        List<String> seeds = new ArrayList<>();
        for (String port : ports.split(",")) {
            seeds.add("127.0.0.1:" + port);
        }
        Settings.Builder settings = Settings.builder()
            .put("cluster.name", "regsearch-tests")
            .put("node.name", name)
            .put("path.home", home.toString())
            .put("path.data", home.resolve("data").toString())
            .put("network.host", "127.0.0.1")
            .put("http.port", httpPort)
            .put("transport.port", ports.split(",")[0])
            .put("transport.type", "netty4")
            .put("http.type", "netty4")
            .putList("discovery.seed_hosts", seeds)
            .putList("cluster.initial_cluster_manager_nodes", names.split(","))
            // The disk of a developer may be nearly full.
            .put("cluster.routing.allocation.disk.threshold_enabled", false);
        System.getenv().forEach((key, value) -> {
            if (key.contains(".")) {
                settings.put(key, value);
            }
        });
        return settings.build();
    }

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[4]).toAbsolutePath();
        Path config = home.resolve("config");
        Files.createDirectories(config);
        Settings settings = settings(arguments[0], arguments[1], arguments[2], arguments[3], home);
        List<Object> plugins = List.of(
            plugin(
                "org.opensearch.transport.Netty4ModulePlugin",
                "org.opensearch.transport.Netty4Plugin"),
            plugin(
                "org.opensearch.analysis.common.CommonAnalysisModulePlugin",
                "org.opensearch.analysis.common.CommonAnalysisPlugin"),
            plugin(
                "org.opensearch.index.reindex.ReindexModulePlugin",
                "org.opensearch.index.reindex.ReindexPlugin"),
            plugin(
                "org.opensearch.index.mapper.MapperExtrasModulePlugin",
                "org.opensearch.index.mapper.MapperExtrasPlugin"));
        WithPlugins node = new WithPlugins(new Environment(settings, config), plugins);
        node.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }));
        Thread.currentThread().join();
    }
}
