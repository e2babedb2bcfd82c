package tests

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// columns are who asks. Crew, restricted crew and subcontractor are assigned to the order; the other crew is not.
var columns = []string{"admin", "staff", "crew", "restricted_crew", "subcontractor", "other crew", "foreign admin", "nobody"}

// matrix says for every route what each column may: "." the role lets them (the request may still be refused for its
// content), 3 is 403, 4 is 404, 1 is 401.
var matrix = map[string]string{
	"POST /sessions":                          "........",
	"GET /sessions/current":                   ".......1",
	"PATCH /sessions/current":                 ".......1",
	"DELETE /sessions/current":                ".......1",
	"POST /invitations/accept":                "........",
	"POST /accounts":                          "........",
	"GET /account":                            ".......1",
	"PATCH /account":                          ".33333.1",
	"GET /audit":                              ".33333.1",
	"GET /account/logo":                       "44444441", // there is none
	"PUT /account/logo":                       ".33333.1",
	"DELETE /account/logo":                    ".33333.1",
	"GET /work-orders":                        ".......1",
	"POST /work-orders":                       "..3333.1",
	"GET /work-orders/{id}":                   ".....441",
	"PATCH /work-orders/{id}":                 "..333441",
	"DELETE /work-orders/{id}":                ".3333341",
	"POST /work-orders/{id}/view":             ".....441",
	"POST /work-orders/{id}/duplicate":        "..333341",
	"GET /work-orders/{id}/events":            ".....441",
	"GET /work-orders/{id}/changes":           "..333341",
	"POST /work-orders/{id}/assign":           "..333341",
	"POST /work-orders/{id}/unassign":         "..333341",
	"POST /work-orders/{id}/complete":         ".....441",
	"POST /work-orders/{id}/approve":          "..333341",
	"POST /work-orders/{id}/unapprove":        "..333341",
	"POST /work-orders/{id}/reject":           "..333341",
	"POST /work-orders/{id}/publish":          "..333341",
	"POST /work-orders/{id}/cancel":           "..333341",
	"POST /work-orders/{id}/reopen":           "..333341",
	"POST /work-orders/{id}/close":            "..333341",
	"POST /work-orders/{id}/restore":          ".3333341",
	"GET /work-orders/{id}/photos":            ".....441",
	"POST /work-orders/{id}/photos":           ".....441",
	"GET /work-orders/{id}/photo-index":       ".....441",
	"OPTIONS /uploads/":                       "........",
	"POST /uploads/":                          ".......1",
	"HEAD /uploads/{id}":                      ".4444441", // the admin's own
	"PATCH /uploads/{id}":                     ".4444441",
	"DELETE /uploads/{id}":                    ".4444441",
	"POST /rescues":                           ".......1",
	"GET /rescues/{id}":                       "..444441", // brought by the admin
	"POST /photos/reviews":                    "..3333.1",
	"GET /photos":                             ".......1",
	"GET /photos/{id}/life":                   ".....441",
	"GET /photos/{id}":                        ".....441",
	"PATCH /photos/{id}":                      "..333441",
	"DELETE /photos/{id}":                     "..333441",
	"POST /photos/{id}/restore":               "..333441",
	"GET /photos/{id}/original":               ".....441",
	"GET /photos/{id}/display":                ".....441",
	"GET /photos/{id}/thumbnail":              ".....441",
	"GET /sync":                               ".......1",
	"GET /devices":                            "..3333.1",
	"PUT /devices/{id}":                       ".......1", // in one's own account
	"POST /devices/{id}/write-off":            "..333341",
	"POST /announcements":                     ".......1",
	"DELETE /announcements/{uuid}":            "44...441", // whose own it is
	"GET /work-orders/{id}/announcements":     ".....441",
	"GET /work-orders/{id}/check-ins":         ".....441",
	"POST /work-orders/{id}/check-ins":        ".....441",
	"GET /work-orders/{id}/report.pdf":        ".....441",
	"GET /work-orders/{id}/archive.zip":       ".....441",
	"GET /work-orders/{id}/publications":      "..333341",
	"GET /work-orders/{id}/publishable":       "..333341",
	"GET /work-orders/{id}/messages":          "..333341",
	"GET /deliveries/{id}":                    "..333341",
	"POST /deliveries/{id}/retry":             "..333341",
	"GET /destinations":                       ".33333.1",
	"POST /destinations":                      ".33333.1",
	"GET /destinations/{id}":                  ".3333341",
	"PATCH /destinations/{id}":                ".3333341",
	"DELETE /destinations/{id}":               ".3333341",
	"POST /destinations/{id}/test":            ".3333341",
	"POST /destinations/{id}/replay":          ".3333341",
	"POST /destinations/{id}/connect":         ".3333341",
	"DELETE /destinations/{id}/connection":    ".3333341",
	"POST /destinations/{id}/rotate-secret":   ".3333341",
	"GET /destinations/{id}/messages":         ".3333341",
	"GET /destinations/{id}/preview":          ".3333341",
	"GET /work-orders/{id}/links":             "..333341",
	"POST /work-orders/{id}/links":            "..333341",
	"GET /links/{id}":                         "..333341",
	"DELETE /links/{id}":                      "..333341",
	"GET /links/{id}/views":                   "..333341",
	"GET /work-orders/{id}/comments":          "..333341",
	"POST /work-orders/{id}/comments":         ".....441",
	"GET /proof":                              "..3333.1",
	"GET /proof/chain.jsonl":                  "..3333.1",
	"POST /proof/rotate-key":                  ".33333.1",
	"GET /properties":                         "..3333.1",
	"POST /properties":                        "..3333.1",
	"GET /properties/{id}":                    "..333341",
	"PATCH /properties/{id}":                  "..333341",
	"DELETE /properties/{id}":                 "..333341",
	"GET /published":                          "..3333.1",
	"GET /published/{id}/content":             "..333341",
	"GET /properties/{id}/visits":             "..333341",
	"GET /properties/{id}/report.pdf":         "..333341",
	"GET /properties/{id}/archive.zip":        "..333341",
	"GET /work-types":                         "..3333.1",
	"POST /work-types":                        ".33333.1",
	"GET /work-types/{id}":                    "..333341",
	"PATCH /work-types/{id}":                  ".3333341",
	"DELETE /work-types/{id}":                 ".3333341",
	"POST /work-types/{id}/duplicate":         ".3333341",
	"GET /surveys":                            "..3333.1",
	"POST /surveys":                           ".33333.1",
	"GET /surveys/{id}":                       "..333341",
	"PATCH /surveys/{id}":                     ".3333341",
	"DELETE /surveys/{id}":                    ".3333341",
	"POST /surveys/{id}/duplicate":            ".3333341",
	"GET /surveys/{id}/template.json":         "..333341",
	"GET /work-orders/{id}/surveys":           ".....441",
	"GET /work-orders/{id}/survey-responses":  ".....441",
	"POST /work-orders/{id}/survey-responses": ".....441",
	"GET /integrations":                       ".33333.1",
	"POST /integrations":                      ".33333.1",
	"GET /integrations/{id}":                  ".3333341",
	"PATCH /integrations/{id}":                ".3333341",
	"DELETE /integrations/{id}":               ".3333341",
	"POST /integrations/{id}/rotate-key":      ".3333341",
	"POST /integrations/{id}/refresh":         ".3333341",
	"POST /integrations/{id}/test":            ".3333341",
	"GET /integrations/{id}/log":              ".3333341",
	"GET /share-links":                        ".33333.1",
	"POST /share-links":                       ".33333.1",
	"POST /share-links/preview":               ".33333.1",
	"POST /share-links/accept":                ".33333.1",
	"POST /share-links/{id}/admit":            ".3333341",
	"POST /share-links/{id}/refuse":           ".3333341",
	"POST /share-links/{id}/trust-key":        ".3333341",
	"GET /share-links/{id}":                   ".3333341",
	"PATCH /share-links/{id}":                 ".3333341",
	"DELETE /share-links/{id}":                ".3333341",
	"POST /share-links/{id}/pause":            ".3333341",
	"POST /share-links/{id}/resume":           ".3333341",
	"POST /share-links/{id}/resync":           ".3333341",
	"POST /share-links/{id}/test":             ".3333341",
	"POST /imports/preview":                   "..3333.1",
	"POST /imports":                           "..3333.1",
	"GET /imports":                            "..3333.1",
	"GET /imports/{id}":                       "..333341",
	"GET /imports/{id}/results.csv":           "..333341",
	"GET /imports/{id}/rows":                  "..333341",
	"POST /imports/{id}/cancel":               "..333341",
	"GET /bulk":                               "..3333.1",
	"POST /bulk":                              "..3333.1",
	"GET /bulk/{id}":                          "..333341",
	"GET /bulk/{id}/rows":                     "..333341",
	"POST /bulk/{id}/cancel":                  "..333341",
	"POST /bulk/{id}/repeat":                  "..333341",
	"GET /work-orders.csv":                    ".......1",
	"GET /work-orders/counts":                 ".......1",
	"GET /work-orders/counts.csv":             ".......1",
	"GET /views":                              ".......1",
	"POST /views":                             ".......1",
	"GET /views/{id}":                         ".4444441", // the admin's own
	"PATCH /views/{id}":                       ".4444441",
	"DELETE /views/{id}":                      ".4444441",
	"GET /work-orders.xlsx":                   ".......1",
	"GET /roles":                              "..3333.1",
	"POST /roles":                             ".33333.1",
	"GET /roles/{id}":                         "..333341",
	"PATCH /roles/{id}":                       ".3333341",
	"DELETE /roles/{id}":                      ".3333341",
	"GET /users":                              "..3333.1",
	"POST /users":                             ".33333.1", // of a role that may more than staff
	"GET /users/{id}":                         "..333341",
	"PATCH /users/{id}":                       ".3333341", // of an admin
	"DELETE /users/{id}":                      ".3333341",
	"POST /users/{id}/invite":                 ".3333341",
	"GET /tokens":                             ".......1",
	"POST /tokens":                            ".......1",
	"GET /tokens/{id}":                        ".4444441", // the admin's own
	"PATCH /tokens/{id}":                      ".4444441",
	"DELETE /tokens/{id}":                     ".4444441",
	"GET /alerts":                             "..3333.1",
	"GET /alerts/{id}":                        "..333341",
	"DELETE /alerts/{id}":                     "..333341",
	"GET /stream":                             ".......1",
}

// bodies are what a route is asked with, when {} does not do.
var bodies = map[string]rig.JSON{
	"POST /work-orders/{id}/assign": {"assignee": "~all~"},
	"POST /users":                   {"username": "xx", "role": "admin", "password": "correct horse"},
	"PATCH /users/{id}":             {"name": "Somebody"},
	"PATCH /photos/{id}":            {"notes": "seen"},
	"PATCH /work-orders/{id}":       {"reference": "seen"},
	"POST /work-orders":             {"work_order_number": ""},
	"POST /work-orders/{id}/reject": {"reason": ""},
}

func TestEveryRouteForEveryRole(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		routes := routesOf(t, in)
		require.ElementsMatch(t, slices.Collect(maps.Keys(matrix)), routes, "the written table has every route, and no other")
		slices.SortFunc(routes, func(a, b string) int { // what ends something comes last
			return strings.Compare(lateness(a)+a, lateness(b)+b)
		})
		admin := rig.SignUp(t, in.URL)
		foreigner := rig.SignUp(t, in.URL)
		for n, column := range columns {
			ids, asks := fixture(t, in, admin, foreigner, column)
			for _, r := range routes {
				method, path, _ := strings.Cut(r, " ")
				resource := strings.Split(path, "/")[1]
				path = strings.NewReplacer("{id}", ids[resource], "{uuid}", ids[resource]).Replace(path)
				var body any
				if b, there := bodies[r]; there {
					body = b
				} else if method == "PATCH" {
					body = rig.JSON{}
				}
				if strings.HasSuffix(r, "POST /work-orders/{id}/photos") {
					body = rig.PhotoForm(rig.JPEG(40, 30, 9), uuid.NewString())
				}
				if r == "POST /rescues" {
					body = rig.FileForm("rescue.zip", []byte("PK"))
				}
				if r == "GET /stream" {
					require.Equal(t, matrix[r][n] == '.', streams(t, asks), "%s as %s", r, column)
					continue
				}
				if strings.HasPrefix(r, "POST /imports") && !strings.Contains(r, "{id}") {
					body = rig.FileForm("a.csv", []byte("number\n"))
				}
				if r == "POST /accounts" || r == "POST /sessions" {
					body = rig.JSON{"username": "", "password": "", "name": ""}
				}
				a := asks.Do(method, path, body)
				got := "."
				switch a.Status {
				case 401:
					got = "1"
				case 403:
					got = "3"
				case 404:
					got = "4"
				}
				require.Less(t, a.Status, 500, "%s as %s: %s", r, column, a.Body)
				require.Equal(t, string(matrix[r][n]), got, "%s as %s: %d %s", r, column, a.Status, a.Body)
				if a.Status == 403 || a.Status == 404 {
					for _, secret := range []string{"12 Oak Street", ids["number"]} {
						require.NotContains(t, string(a.Body), secret)
					}
				}
			}
		}
	})
}

func lateness(route string) string {
	switch {
	case strings.HasSuffix(route, "/sessions/current") && strings.HasPrefix(route, "DELETE"):
		return "9"
	case route == "DELETE /work-orders/{id}":
		return "7"
	case route == "POST /photos/{id}/restore":
		return "65"
	case strings.HasSuffix(route, "/restore"):
		return "8"
	case strings.HasSuffix(route, "/connection"):
		return "5"
	case strings.HasPrefix(route, "DELETE"):
		return "6"
	case strings.HasPrefix(route, "GET"):
		return "1"
	case strings.HasSuffix(route, "assign"):
		return "5"
	}
	return "2"
}

func routesOf(t *testing.T, in *rig.Installation) []string {
	var routes []string
	document := (&rig.User{T: t, URL: in.URL}).Want(200, "GET", "/api/openapi.json", nil)
	require.Equal(t, "3.1.0", document.Text("openapi"))
	for path, item := range document.Get("paths").(map[string]any) {
		if !strings.HasPrefix(path, "/api/v1/") {
			continue // pages, and what has credentials of its own
		}
		for method := range item.(map[string]any) {
			routes = append(routes, strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/api/v1"))
		}
	}
	return routes
}

// fixture makes one of everything for a column, and who asks. The ids are by the first part of a route's path.
func fixture(t *testing.T, in *rig.Installation, admin, foreigner *rig.User, column string) (map[string]string, *rig.User) {
	asks, assignee := admin, admin.Colleague("crew")
	switch column {
	case "staff":
		asks = admin.Colleague("staff")
	case "crew", "restricted_crew", "subcontractor":
		asks = admin.Colleague(column)
		assignee = asks
	case "other crew":
		asks = admin.Colleague("crew")
	case "foreign admin":
		asks = foreigner
	case "nobody":
		asks = &rig.User{T: t, URL: in.URL}
	case "admin":
		asks = rig.SignIn(t, in.URL, admin.Username, "correct horse")
	}
	order := admin.Order(rig.JSON{"assignee": assignee.Username})
	ids := map[string]string{"work-orders": order.Text("id"), "number": order.Text("work_order_number"), "sessions": "current"}
	folder := admin.Want(201, "POST", "/destinations", rig.JSON{"name": "F", "kind": "folder", "settings": rig.JSON{"path": "matrix-" + uuid.NewString()[:8]}})
	ids["destinations"] = folder.Text("id")
	ids["photos"] = admin.Upload(ids["work-orders"], rig.JPEG(60, 40, 1)).Text("id")
	ids["devices"] = uuid.NewString()
	assignee.Want(200, "PUT", "/devices/"+ids["devices"], rig.JSON{"name": "Phone"})
	ids["announcements"] = uuid.NewString()
	assignee.Want(200, "POST", "/announcements", announcement("", announced(ids["work-orders"], ids["announcements"], rig.JPEG(60, 40, 8))))
	ids["work-types"] = admin.Want(201, "POST", "/work-types", rig.JSON{"name": uuid.NewString()}).Text("id")
	ids["surveys"] = admin.Want(201, "POST", "/surveys", survey("s"+strings.ReplaceAll(uuid.NewString(), "-", ""))).Text("id")
	ids["integrations"] = admin.Want(201, "POST", "/integrations", rig.JSON{"client_code": uuid.NewString()[:8], "kind": "push"}).Text("id")
	admin.Want(201, "POST", "/integrations", rig.JSON{"client_code": uuid.NewString()[:8], "kind": "share", "settings": rig.JSON{"username": "nobody", "password": "nothing"}})
	ids["share-links"] = admin.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
	ids["imports"] = admin.Want(202, "POST", "/imports", rig.FileForm("a.csv", []byte("number,address1\nX,Y\n"))).Text("id")
	ids["bulk"] = admin.Want(202, "POST", "/bulk", rig.JSON{"action": "invoiced", "parameters": rig.JSON{}, "ids": []string{ids["work-orders"]}}).Text("id")
	ids["properties"] = admin.Want(201, "POST", "/properties", rig.JSON{"address": rig.JSON{"address1": uuid.NewString(), "city": "c", "state": "TX", "zip": "1"}}).Text("id")
	role := "role-" + uuid.NewString()[:8]
	admin.Want(201, "POST", "/roles", rig.JSON{"name": role, "privileges": []string{"upload_items"}})
	ids["roles"] = role
	ids["tokens"] = admin.Want(201, "POST", "/tokens", rig.JSON{"name": "script"}).Text("id")
	ids["uploads"] = tusOf(admin).begin(ids["work-orders"], rig.JPEG(60, 40, 4), nil)
	ids["rescues"] = admin.Want(202, "POST", "/rescues", rig.FileForm("rescue.zip", rescueFile(t, rig.JSON{"version": 1, "owner": rig.JSON{"id": admin.ID}}, nil))).Text("id")
	ids["views"] = admin.Want(201, "POST", "/views", rig.JSON{"name": "Late", "query": "state=created"}).Text("id")
	ids["users"] = admin.Colleague("admin").ID
	done := admin.Order(rig.JSON{"assignee": assignee.Username}).Text("id")
	ids["published"] = admin.Upload(done, rig.JPEG(60, 40, 3)).Text("id")
	for _, step := range []string{"complete", "approve", "publish"} {
		admin.Want(200, "POST", "/work-orders/"+done+"/"+step, nil)
	}
	ids["links"] = admin.Want(201, "POST", "/work-orders/"+done+"/links", rig.JSON{}).Text("id")
	ids["deliveries"] = admin.Want(200, "GET", "/work-orders/"+done+"/publications", nil).Text("items", 0, "deliveries", 0, "id")
	admin.Upload(done, rig.JPEG(60, 40, 2))
	admin.Await("an alert", func() bool {
		for _, a := range admin.Want(200, "GET", "/alerts", nil).List("items") {
			if alert := a.(map[string]any); alert["work_order_id"] == done {
				ids["alerts"], _ = alert["id"].(string)
			}
		}
		return ids["alerts"] != ""
	})
	return ids, asks
}
