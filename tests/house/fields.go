package house

import "fieldproof/models"

// Everything is an order of which its source says every field that orders keep, each something else.
func Everything() *models.Incoming {
	choices := map[string]string{"priority": models.PriorityRush, "publish_to": "both", "qa_policy": string(models.AutoPublish)}
	in := &models.Incoming{Number: "N-1", ClientCode: "C", Tasks: []models.IncomingTask{{Name: "Lawn cut"}}}
	for n, f := range models.Fields {
		switch f.Kind {
		case models.Text:
			in.Say(f, "the "+f.Name+" {1}")
		case models.RichText:
			in.Say(f, "<b>the "+f.Name+"</b>")
		case models.Choice:
			in.Say(f, choices[f.Name])
		case models.ZipCode:
			in.Say(f, "02108")
		case models.Day:
			in.SayDay(f, models.Date("2030-06-01").AddDays(n), "")
		case models.TimeOfDay:
			in.Say(f, "13:30")
		case models.Coordinate:
			in.SayNumber(f, float64(n)+0.5)
		case models.Object:
			in.SayObject(f, map[string]any{f.Name: "x"})
		case models.Texts:
			in.SayAttribute("attribute7", " \u00e9 ")
		case models.OneText:
			in.SayAttribute(f.Name[len("attributes."):], "the "+f.Name)
		}
	}
	return in
}
